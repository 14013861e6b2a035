// The cases of crossval, one function each. The list stands in crossval.cpp; what their metrics have to be, in
// criteria.json. Each throws LaneError where its reference gives no answer.
#pragma once

#include "harness/core/result.h"
#include "suites/crossval/bench.h"

namespace bh::suites::crossval {

harness::Result check_reference(Bench& bench, Lane& lane);
harness::Result check_tokens(Bench& bench, Lane& lane);
harness::Result check_ops(Bench& bench, Lane& lane, engine::Numerics mode);
harness::Result check_trace(Bench& bench, Lane& lane, engine::Numerics mode);
harness::Result check_logits(Bench& bench, Lane& lane, engine::Numerics mode);
harness::Result check_self(Bench& bench, Lane& lane);
harness::Result check_bridge(Bench& bench, Lane& lane);
harness::Result check_greedy(Bench& bench, Lane& lane);
harness::Result check_receipt(Bench& bench, Lane& lane);
harness::Result check_lanes(Bench& bench);

/// How far the reference is from itself: one token at a time beside all in one call.
harness::LogitComparison self_distance(Bench& bench, Lane& lane);

/// Words for a token, fit for a table: its text with what is not printable escaped.
std::string show_token(const engine::Tokenizer& tokenizer, engine::TokenId id);

}  // namespace bh::suites::crossval
