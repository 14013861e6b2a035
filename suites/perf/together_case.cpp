#include "suites/perf/together_case.h"

#include <algorithm>

#include "harness/core/statistics.h"
#include "harness/measure/progress.h"
#include "harness/measure/workload.h"
#include "suites/perf/own_cases.h"
#include "suites/subjects/engine_subject.h"

namespace bh::suites::perf {

using engine::Generation;
using harness::Result;

namespace {

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

  Generation alone(std::size_t which) {
    sessions_[which].rewind(0);
    return engine::generate(sessions_[which], prompts_[which], options_);
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
  engine::Numerics numerics() const { return sessions_.front().numerics(); }

 private:
  engine::GenerateOptions options_;
  std::vector<std::vector<engine::TokenId>> prompts_;
  std::vector<engine::Session> sessions_;
};

/// Decoded tokens and the time of the steps that gave them, over several repetitions.
struct Decoded {
  std::int64_t tokens = 0, ns = 0;

  double tokens_per_second() const noexcept { return static_cast<double>(tokens) / static_cast<double>(ns) * 1e9; }
};

}  // namespace

Result measure_together(Bench& bench, const Spec& spec) {
  if (const std::string why = harness::why_not_measured(); !why.empty()) return harness::skipped(why);
  auto* ours = dynamic_cast<EngineSubject*>(&bench.engine(spec));
  if (ours == nullptr) return harness::skipped("this subject has one sequence at a time");
  harness::Progress progress(bench.progress(), bench.clock(), label(spec));
  Crowd crowd(ours->backend(), spec, engine::numerics_from(bench.options().text("numerics")));
  std::vector<std::vector<engine::TokenId>> expected;
  for (std::size_t i = 0; i < crowd.size(); ++i) {
    bench.stop_if_cancelled();
    expected.push_back(crowd.alone(i).ids);
  }

  bool equal = true;
  std::vector<double> together, alone, ratios;
  const auto time_alone = [&] {
    Decoded sum;
    while (sum.ns < bench.min_sample_ns()) {
      bench.stop_if_cancelled();
      const Generation one = crowd.alone(0);
      equal = equal && one.ids == expected[0];
      sum.tokens += one.decode_tokens();
      sum.ns += one.decode_ns;
    }
    alone.push_back(sum.tokens_per_second());
  };
  const auto time_together = [&] {
    Decoded sum;
    while (sum.ns < bench.min_sample_ns()) {
      bench.stop_if_cancelled();
      const std::vector<Generation> all = crowd.together();
      for (std::size_t i = 0; i < all.size(); ++i) {
        equal = equal && all[i].ids == expected[i];
        sum.tokens += all[i].decode_tokens();
      }
      sum.ns += all.front().decode_ns;  // the steps are shared
    }
    together.push_back(sum.tokens_per_second());
  };

  for (std::int64_t round = 0; round < bench.table().rounds; ++round) {
    if (round % 2 == 0) time_alone();
    time_together();
    if (round % 2 != 0) time_alone();
    ratios.push_back(together.back() / alone.back());
    progress.at(round + 1, bench.table().rounds);
  }

  Result result;
  result.details["label"] = label(spec);
  result.details["numerics"] = to_string(crowd.numerics());
  result.details["model_sha256"] = bench.model_sha256(spec);
  const harness::MedianInterval interval = harness::median_interval(ratios);
  harness::add(result, "outputs_equal", equal ? 1 : 0);
  harness::add(result, "relative_spread", relative_spread(together));
  add_median(result, "together_tokens_per_second", "tok/s", together);
  add_median(result, "alone_tokens_per_second", "tok/s", alone);
  add_median(result, "together_ratio", "", ratios);
  harness::add(result, "together_ratio_low", interval.low);
  harness::add(result, "together_ratio_high", interval.high);
  return result;
}

}  // namespace bh::suites::perf
