// The worker protocol (bitharness.worker/1), word by word: how the harness talks to an engine in another process. A
// worker is `bitharness worker` (this build or an older one; harness/io/worker_server) or the adapter in
// third_party/bitnet.cpp; the parent's side is suites/subjects/worker_subject. Frames (harness/io/frame.h) go down the
// worker's stdin and up its stdout; stderr is for people. Token ids are int32, floats are float32, both little-endian.
//
// The worker starts with `hello`, or with `error` where it cannot load the model, then answers requests one by one
// until its stdin ends. Anything it cannot do it answers with `error kind=usage|setup|internal`, the message in the
// payload, and stays alive; after bytes that are no frame it also ends.
//
//   worker -> hello protocol=bitharness.worker/1 name= version= backend= numerics= model= n_vocab= n_ctx=
//                   abilities=tokenize,logits,generate,sample,trace,timing  mock=0|1  and any facts of its
//                   own as fact.NAME= (bitnet_cpp: fact.commit, fact.build_flags, fact.activation = silu |
//                   relu_sqr | unknown)
//
//   request                                          answer
//   describe                                      -> subject   the values of hello, and kernel.NAME=COUNT so far
//   tokenize add_bos=0|1 parse_special=0|1  TEXT  -> ids  IDS
//   detokenize  IDS                               -> text  TEXT
//   logits mode=batch|single  IDS                 -> row position=I  FLOATS   one per id, in order; then done
//   generate max_tokens=K  PROMPT_IDS             -> done prefill_ns= decode_ns=  IDS      greedy, end tokens ignored
//            temperature= seed= top_k= top_p= min_p= repeat_penalty= repeat_last_n= ignore_eog=0|1   where it can
//            `sample`
//   trace mode=batch|single  IDS                  -> tensor name= layer= rows= dim=  FLOATS  in the order computed;
//   done time decode_tokens=K  PROMPT_IDS              -> done prefill_ns= decode_ns= reused=R  IDS
//                                                    greedy, end tokens ignored. Where the prompt equals that of the
//                                                    call before, its KV cache may be kept: then reused = its length
//                                                    and prefill_ns = 0. reuse=0 in the request forbids that.
//
// Before the `done` of generate and time may stand `steps`: the nanoseconds of each decode step, int64. A worker whose
// answer does not depend on how the ids are split (`bitharness worker`) takes either mode for the same.
#pragma once

namespace bh::harness {

inline constexpr const char* kWorkerProtocol = "bitharness.worker/1";

}  // namespace bh::harness
