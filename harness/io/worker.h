// The worker protocol (bitharness.worker/1), word by word: how the harness talks to an engine in another process. A
// worker is `bitharness worker` (this build or an older one) or the adapter in third_party/bitnet.cpp; the parent's
// side is suites/subjects/worker_subject. Frames (harness/io/frame.h) go down the worker's stdin and up its stdout;
// stderr is for people. Token ids are int32, floats are float32, both little-endian.
//
// The worker starts with `hello`, then answers requests one by one until its stdin ends. Anything it cannot do it
// answers with `error kind=usage|setup|internal`, the message in the payload, and stays alive.
//
//   worker -> hello protocol=bitharness.worker/1 name= version= backend= numerics= model= n_vocab= n_ctx=
//                   abilities=tokenize,logits,generate,trace,timing  and any facts of its own as fact.NAME=
//                   (bitnet_cpp: fact.commit, fact.build_flags, fact.activation = silu | relu_sqr | unknown)
//
//   request                                          answer
//   describe                                      -> subject   the values of hello, and kernel.NAME=COUNT so far
//   tokenize add_bos=0|1 parse_special=0|1  TEXT  -> ids  IDS
//   detokenize  IDS                               -> text  TEXT
//   logits mode=batch|single  IDS                 -> row position=I  FLOATS   one per id, in order; then done
//   generate max_tokens=K  PROMPT_IDS             -> done prefill_ns= decode_ns=  IDS      greedy, end tokens ignored
//   trace mode=batch|single  IDS                  -> tensor name= layer= rows= dim=  FLOATS  in the order computed;
//   done time decode_tokens=K  PROMPT_IDS              -> done prefill_ns= decode_ns= reused=R  IDS
//                                                    greedy, end tokens ignored. Where the prompt equals that of the
//                                                    call before, its KV cache may be kept: then reused = its length
//                                                    and prefill_ns = 0. reuse=0 in the request forbids that.
#pragma once

namespace bh::harness {

inline constexpr const char* kWorkerProtocol = "bitharness.worker/1";

}  // namespace bh::harness
