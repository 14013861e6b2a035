// AC8: int8 activations cost next to no perplexity, the products behind it are those of the definition, and perplexity
// agrees with what bitnet.cpp printed.
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/text_file.h"
#include "engine/model/float_copy.h"
#include "engine/runtime/perplexity.h"
#include "suites/acceptance/baseline.h"
#include "suites/acceptance/cases.h"
#include "suites/acceptance/planted_defects.h"
#include "suites/acceptance/products.h"

namespace bh::suites::acceptance {

using engine::Numerics;
using engine::PerplexityOptions;
using engine::PerplexityResult;
using engine::TokenId;
using harness::Result;

namespace {

/// As llama-perplexity reads a file: one newline at the end is dropped, control tokens are not looked for.
std::vector<TokenId> tokens_of(const engine::Model& model, std::string_view text) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return model.tokenizer.encode(text, {.add_special = true, .parse_special = false});
}

json::object to_json(const PerplexityResult& result) {
  return {{"ppl", result.ppl},       {"ppl_error", result.ppl_error},
          {"ln_ppl", result.ln_ppl}, {"chunks", result.chunk_nll.size()},
          {"n_ctx", result.n_ctx},   {"scored", result.n_scored}};
}

}  // namespace

Result check_int8_perplexity(Workbench& bench) {
  const auto model = bench.model();
  if (const std::string why = why_no_baseline(*model); !why.empty()) return skipped(why);
  if (ternary_matrices(*model) == 0) return skipped("the model's projections are floats: no activation is quantized");
  if (const double bytes = float_copy_bytes(*model); bytes > bench.number("ac8", "float_copy_bytes")) {
    return skipped(fmt::format("the float copy to compare with would take {:.1f} GiB", bytes / 1073741824.0));
  }
  const auto text = bench.any_text();
  if (!text) return skipped(text.why_not);
  const auto tokens = tokens_of(*model, *text.value);
  PerplexityOptions options;
  options.n_ctx = static_cast<std::int32_t>(std::min<std::int64_t>(bench.count("ac8", "n_ctx"), model->config.n_ctx));
  options.max_chunks = static_cast<std::int32_t>(bench.count("ac8", "chunks"));
  if (static_cast<std::int64_t>(tokens.size()) < 2 * options.n_ctx) return skipped("the text at hand is too short");

  const auto tested = engine::perplexity(bench.backend(), Numerics::one_answer, tokens, options);
  const auto copy = bench.load_backend(engine::with_float_weights(model));
  const auto baseline = engine::perplexity(*copy, Numerics::one_answer, tokens, options);
  Result result;
  add(result, "ppl_ratio", std::exp(tested.ln_ppl - baseline.ln_ppl));
  add(result, "ppl_int8", tested.ppl);
  add(result, "ppl_float", baseline.ppl);
  add(result, "chunks", static_cast<double>(tested.chunk_nll.size()));
  result.details["int8_activations"] = to_json(tested);
  result.details["float_activations"] = to_json(baseline);
  return result;
}

Result check_recorded_perplexity(Workbench& bench) {
  const auto recorded = bench.recorded();
  if (!recorded) return skipped(recorded.why_not);
  if (!recorded.value->perplexity) return skipped("no perplexity was recorded for this model");
  const harness::RecordedPerplexity& theirs = *recorded.value->perplexity;
  if (!file_exists(theirs.text_file)) {
    return skipped(fmt::format("the text that was recorded, {}, is not there", theirs.text_file.string()));
  }
  const auto tokens = tokens_of(*bench.model(), read_text_file(theirs.text_file, kMaxTextBytes));
  const PerplexityOptions options{.n_ctx = theirs.n_ctx};
  bench.progress(fmt::format("perplexity over {} chunks, twice", theirs.chunks));
  const auto same = engine::perplexity(bench.backend(), Numerics::reference_batch, tokens, options);
  const auto own = engine::perplexity(bench.backend(), Numerics::one_answer, tokens, options);
  Result result;
  const double expected = std::log(theirs.value);
  add(result, "chunks_as_recorded", static_cast<std::int32_t>(same.chunk_nll.size()) == theirs.chunks ? 1 : 0);
  add(result, "reference_mode_ln_difference", std::abs(same.ln_ppl - expected));
  add(result, "one_answer_ln_difference", std::abs(own.ln_ppl - expected));
  add(result, "recorded_ppl", theirs.value);
  add(result, "reference_mode_ppl", same.ppl);
  add(result, "one_answer_ppl", own.ppl);
  result.details["reference"] = recorded.value->reference_name();
  result.details["reference_mode"] = to_json(same);
  result.details["one_answer"] = to_json(own);
  return result;
}

Result check_master_refused(Workbench& bench) {
  const auto model = bench.model();
  const std::string sound = why_no_baseline(*model);
  const std::string raw = why_no_baseline(*with_raw_layer(model, 0));
  Result result;
  add(result, "sound_accepted", sound.empty() ? 1 : 0);
  add(result, "master_refused", raw.empty() ? 0 : 1);
  result.details["refusal"] = raw;
  if (!sound.empty()) result.details["this_model"] = sound;
  return result;
}

Result check_products(Workbench& bench) {
  const auto model = bench.model();
  const auto ids = model->tokenizer.encode(bench.prompts().front());
  const auto positions =
      std::min<std::size_t>(ids.size(), static_cast<std::size_t>(bench.count("ac8", "product_positions")));
  const auto layers = std::max<std::int64_t>(bench.count("ac8", "product_layers"), 1);
  const auto step = static_cast<int>((model->config.n_layer + layers - 1) / layers);
  const auto errors = compare_products(bench.backend(), std::span(ids).first(positions), step);
  if (errors.empty()) return skipped("the model has no ternary matrices");
  Result result;
  std::vector<double> all;
  const ProductError* worst = &errors.front();
  for (const ProductError& error : errors) {
    all.push_back(error.relative_error);
    if (error.relative_error > worst->relative_error) worst = &error;
  }
  add(result, "matrices", static_cast<double>(errors.size()));
  add_samples(result, "max_relative_error", worst->relative_error, "", all);
  result.details["worst"] = worst->matrix;
  if (!std::isfinite(worst->relative_error)) {
    result.verdict = harness::Verdict::failed;
    result.reason = fmt::format("products with {} are not finite, or not 0 where they should be", worst->matrix);
  }
  result.details["positions"] = positions;
  return result;
}

}  // namespace bh::suites::acceptance
