#include "suites/perf/shared_steps.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "harness/core/statistics.h"
#include "harness/measure/progress.h"
#include "harness/measure/workload.h"
#include "suites/perf/own_cases.h"
#include "suites/subjects/engine_subject.h"

namespace bh::suites::perf {

using engine::Generation;
using engine::TokenId;
using harness::Result;

namespace {

/// Decoded tokens and the time of the steps that gave them.
struct Decoded {
  std::int64_t tokens = 0, ns = 0;

  double tokens_per_second() const noexcept { return static_cast<double>(tokens) / static_cast<double>(ns) * 1e9; }
};

using DecodeOnce = std::function<Decoded()>;

double sample(const Bench& bench, const DecodeOnce& decode) {
  Decoded sum;
  while (sum.ns < bench.min_sample_ns()) {
    bench.stop_if_cancelled();
    const Decoded once = decode();
    sum.tokens += once.tokens;
    sum.ns += once.ns;
  }
  return sum.tokens_per_second();
}

struct Speeds {
  std::vector<double> shared, plain;  ///< tok/s, one a round
};

/// Samples both by turns for the rounds of the table and adds "<shared>_tokens_per_second", "<plain>_tokens_per_second"
/// and their ratio under `ratio`.
Speeds add_by_turns(Bench& bench, const Spec& spec, const std::string& shared, const DecodeOnce& decode_shared,
                    const std::string& plain, const DecodeOnce& decode_plain, const std::string& ratio,
                    Result& result) {
  harness::Progress progress(bench.progress(), bench.clock(), label(spec));
  Speeds speeds;
  std::vector<double> ratios;
  for (std::int64_t round = 0; round < bench.table().rounds; ++round) {
    if (round % 2 == 0) speeds.plain.push_back(sample(bench, decode_plain));
    speeds.shared.push_back(sample(bench, decode_shared));
    if (round % 2 != 0) speeds.plain.push_back(sample(bench, decode_plain));
    ratios.push_back(speeds.shared.back() / speeds.plain.back());
    progress.at(round + 1, bench.table().rounds);
  }
  const harness::MedianInterval interval = harness::median_interval(ratios);
  add_median(result, shared + "_tokens_per_second", "tok/s", speeds.shared);
  add_median(result, plain + "_tokens_per_second", "tok/s", speeds.plain);
  add_median(result, ratio, "", ratios);
  harness::add(result, ratio + "_low", interval.low);
  harness::add(result, ratio + "_high", interval.high);
  return speeds;
}

/// Prompts of a few tokens, no two alike.
class Crowd {
 public:
  Crowd(engine::Backend& backend, const Spec& spec, engine::Numerics numerics)
      : options_(greedy_options({{}, spec.decode_tokens})) {
    const std::int32_t n_vocab = backend.model().config.n_vocab, length = std::max(spec.depth, 1);
    for (std::int32_t i = 0; i < spec.sequences; ++i) {
      prompts_.push_back(harness::some_tokens(n_vocab, length));
      prompts_.back().back() = (prompts_.back().back() + i) % n_vocab;
      sessions_.emplace_back(backend, length + spec.decode_tokens + 1, numerics);
    }
  }

  Generation alone(std::size_t which, engine::Drafter* drafter = nullptr) {
    engine::GenerateOptions options = options_;
    options.drafter = drafter;
    sessions_[which].rewind(0);
    return engine::generate(sessions_[which], prompts_[which], options);
  }

  std::vector<Generation> together() {
    std::vector<engine::Sequence> sequences;
    for (std::size_t i = 0; i < prompts_.size(); ++i) {
      sessions_[i].rewind(0);
      sequences.push_back({&sessions_[i], prompts_[i], options_, {}});
    }
    return engine::generate_together(sequences);
  }

  std::size_t size() const noexcept { return prompts_.size(); }
  const std::vector<TokenId>& prompt(std::size_t which) const { return prompts_[which]; }

 private:
  engine::GenerateOptions options_;
  std::vector<std::vector<TokenId>> prompts_;
  std::vector<engine::Session> sessions_;
};

/// The sequences of a case, or why there are none.
struct Opened {
  std::optional<Crowd> crowd;
  Result result;
};

Opened open(Bench& bench, const Spec& spec) {
  if (const std::string why = harness::why_not_measured(); !why.empty()) return {{}, harness::skipped(why)};
  auto* ours = dynamic_cast<EngineSubject*>(&bench.engine(spec));
  if (ours == nullptr) return {{}, harness::skipped("this subject takes one token of one sequence at a time")};
  const std::string numerics = bench.options().text("numerics");
  Result result;
  result.details["label"] = label(spec);
  result.details["numerics"] = numerics;
  result.details["model_sha256"] = bench.model_sha256(spec);
  return {Crowd(ours->backend(), spec, engine::numerics_from(numerics)), std::move(result)};
}

}  // namespace

Result measure_together(Bench& bench, const Spec& spec) {
  auto [crowd, result] = open(bench, spec);
  if (!crowd) return result;
  std::vector<std::vector<TokenId>> expected;
  for (std::size_t i = 0; i < crowd->size(); ++i) {
    bench.stop_if_cancelled();
    expected.push_back(crowd->alone(i).ids);
  }

  bool equal = true;
  const auto decode_alone = [&, &crowd = crowd] {
    const Generation one = crowd->alone(0);
    equal = equal && one.ids == expected[0];
    return Decoded{one.decode_tokens(), one.decode_ns};
  };
  const auto decode_together = [&, &crowd = crowd] {
    const std::vector<Generation> all = crowd->together();
    Decoded sum{0, all.front().decode_ns};  // the steps are shared
    for (std::size_t i = 0; i < all.size(); ++i) {
      equal = equal && all[i].ids == expected[i];
      sum.tokens += all[i].decode_tokens();
    }
    return sum;
  };
  const Speeds speeds =
      add_by_turns(bench, spec, "together", decode_together, "alone", decode_alone, "together_ratio", result);
  harness::add(result, "relative_spread", relative_spread(speeds.shared));
  harness::add(result, "outputs_equal", equal ? 1 : 0);
  return result;
}

Result measure_speculated(Bench& bench, const Spec& spec) {
  auto [crowd, result] = open(bench, spec);
  if (!crowd) return result;
  const std::vector<TokenId> expected = crowd->alone(0).ids;
  const std::int32_t n_vocab = bench.model(spec).config.n_vocab;

  bool equal = true;
  std::int64_t drafted = 0, accepted = 0, tokens = 0, steps = 0;
  std::uint32_t seed = 0;
  // Guessing and sampling are part of what speculation costs, so it is the whole decoding that is timed.
  const auto decode = [&, &crowd = crowd](engine::Drafter* drafter) {
    const std::int64_t start = bench.clock().steady_ns();
    const Generation one = crowd->alone(0, drafter);
    const std::int64_t ns = bench.clock().steady_ns() - start - one.prefill_ns;
    equal = equal && one.ids == expected;
    if (drafter != nullptr) {
      drafted += one.drafted;
      accepted += one.accepted;
      tokens += one.decode_tokens();
      steps += static_cast<std::int64_t>(one.step_ns.size());
    }
    return Decoded{one.decode_tokens(), ns};
  };
  const auto decode_plain = [&] { return decode(nullptr); };
  const auto decode_speculated = [&, &crowd = crowd] {
    engine::NgramDrafter lookup;
    engine::ScriptedDrafter scripted(expected, crowd->prompt(0).size(), spec.guesses / 100.0, n_vocab, seed++);
    return decode(spec.guesses == kLookup ? static_cast<engine::Drafter*>(&lookup) : &scripted);
  };
  const Speeds speeds =
      add_by_turns(bench, spec, "speculated", decode_speculated, "plain", decode_plain, "speculation_ratio", result);
  // Not of the shared steps: how many guesses hold differs from script to script.
  harness::add(result, "relative_spread", relative_spread(speeds.plain));
  harness::add(result, "outputs_equal", equal ? 1 : 0);
  harness::add(result, "tokens_per_step", static_cast<double>(tokens) / static_cast<double>(steps));
  harness::add(result, "guesses_per_step", static_cast<double>(drafted) / static_cast<double>(steps));
  harness::add(result, "guesses_accepted",
               drafted == 0 ? 0.0 : static_cast<double>(accepted) / static_cast<double>(drafted));
  return result;
}

}  // namespace bh::suites::perf
