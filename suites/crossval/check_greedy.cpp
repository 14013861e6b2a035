// Free-running greedy text beside the reference's. Where it first differs, how close a call that was on both sides.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/core/exhibits.h"
#include "harness/judge/teacher_forced.h"
#include "suites/crossval/checks.h"

namespace bh::suites::crossval {

using engine::Numerics;
using engine::TokenId;
using harness::Result;

namespace {

struct Parting {
  std::size_t index = 0;  ///< of the generated token
  TokenId ours = 0, theirs = 0;
  double our_margin = 0;    ///< our logits' preference for ours, in standard deviations
  double their_margin = 0;  ///< the reference's preference for theirs
};

/// logits[a] - logits[b] in standard deviations of the row.
double margin(std::span<const float> row, TokenId a, TokenId b) {
  double sum = 0, squares = 0;
  for (const float value : row) sum += value;
  const double mean = sum / static_cast<double>(row.size());
  for (const float value : row) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(row.size()));
  return (row[static_cast<std::size_t>(a)] - row[static_cast<std::size_t>(b)]) / std::max(deviation, 1e-30);
}

/// Both sides' rows have as many logits as our vocabulary, and there is a text to compare.
void check_evidence(const Evidence& evidence, std::int64_t n_vocab) {
  const harness::RecordedRun& run = evidence.run;
  if (run.greedy_ids.empty()) throw LaneError({"cannot", "the reference wrote no text"});
  const auto in_vocabulary = [&](TokenId id) { return id >= 0 && id < n_vocab; };
  if (run.n_vocab != n_vocab || !std::all_of(run.greedy_ids.begin(), run.greedy_ids.end(), in_vocabulary)) {
    throw LaneError(
        {"cannot", fmt::format("the reference's vocabulary has {} entries, ours {}", run.n_vocab, n_vocab)});
  }
}

std::optional<Parting> find_parting(engine::Backend& backend, const Evidence& evidence,
                                    const std::vector<TokenId>& ours, Numerics numerics) {
  const harness::RecordedRun& run = evidence.run;
  std::size_t at = 0;
  while (at < ours.size() && at < run.greedy_ids.size() && ours[at] == run.greedy_ids[at]) ++at;
  if (at == run.greedy_ids.size() || at == ours.size()) return std::nullopt;
  Parting parting{at, ours[at], run.greedy_ids[at]};
  const auto width = static_cast<std::size_t>(run.n_vocab);
  const std::size_t position = run.prompt_ids.size() - 1 + at;
  const auto its = std::span(run.logits).subspan(position * width, width);
  parting.their_margin = margin(its, parting.theirs, parting.ours);
  const std::vector<TokenId> ids = run.all_ids();
  const auto own =
      harness::teacher_forced(backend, std::span(ids).first(position + 1), run.prompt_ids.size(), numerics);
  parting.our_margin = margin(std::span(own).last(width), parting.ours, parting.theirs);
  return parting;
}

/// One way of computing beside the reference's texts.
struct Tally {
  std::int64_t equal = 0, near_ties = 0, explained = 0;
};

}  // namespace

Result check_greedy(Bench& bench, Lane& lane) {
  const double near_tie = bench.tolerance().tie_std;
  // On a deep model two sound engines differ by more than a near tie; what the reference differs from itself excuses as
  // much.
  const double factor = bench.number("greedy", "self_factor");
  const double excused = factor > 0 ? std::max(near_tie, factor * self_distance(bench, lane).max_difference) : near_tie;
  std::vector<Evidence> evidence = lane.evidence(Numerics::reference_batch);
  if (!lane.live()) {
    const auto& single = lane.evidence(Numerics::reference_single);
    evidence.insert(evidence.end(), single.begin(), single.end());
  }
  const engine::Tokenizer& tokenizer = bench.model().tokenizer;
  Tally same_mode, own_mode;
  json::array texts;
  Result result;
  const auto compare = [&](const Evidence& each, Numerics numerics, Tally& tally) {
    const harness::RecordedRun& run = each.run;
    check_evidence(each, bench.model().output.rows);
    const auto ours =
        harness::greedy(bench.backend(), run.prompt_ids, static_cast<std::int32_t>(run.greedy_ids.size()), numerics);
    const auto parting = find_parting(bench.backend(), each, ours, numerics);
    json::object row{{"prompt", one_line(run.prompt)},
                     {"numerics", std::string(to_string(numerics))},
                     {"tokens", run.greedy_ids.size()},
                     {"reference_text", one_line(tokenizer.decode(run.greedy_ids, true))},
                     {"our_text", one_line(tokenizer.decode(ours, true))},
                     {"first_difference", nullptr}};
    tally.equal += parting ? 0 : 1;
    if (parting) {
      // Below zero the reference did not follow its own logits: that is no tie either.
      const double distance = std::abs(parting->their_margin);
      const bool tie = distance <= near_tie, fine = distance <= excused;
      tally.near_ties += tie ? 1 : 0;
      tally.explained += fine ? 1 : 0;
      row["first_difference"] = parting->index;
      row["ours"] = show_token(tokenizer, parting->ours);
      row["theirs"] = show_token(tokenizer, parting->theirs);
      row["our_margin_std"] = parting->our_margin;
      row["reference_margin_std"] = parting->their_margin;
      row["near_tie"] = tie;
      row["explained"] = fine;
      harness::add_exhibit(
          result, harness::Divergence{fmt::format("{} ({})", one_line(run.prompt), to_string(numerics)),
                                      static_cast<std::int64_t>(parting->index), distance, near_tie,
                                      show_token(tokenizer, parting->ours), show_token(tokenizer, parting->theirs)});
    }
    texts.push_back(std::move(row));
  };
  for (const Evidence& each : evidence) {
    bench.progress(fmt::format("greedy text of {}", each.run.name));
    compare(each, each.run.numerics, same_mode);
    compare(each, Numerics::one_answer, own_mode);
  }
  const auto n = static_cast<double>(evidence.size());
  const auto add_tally = [&](const std::string& name, const Tally& tally) {
    add(result, name + "_equal_share", static_cast<double>(tally.equal) / n);
    add(result, name + "_near_ties", static_cast<double>(tally.near_ties));
    add(result, name + "_explained_share", static_cast<double>(tally.equal + tally.explained) / n);
  };
  add(result, "texts", n);
  add(result, "excused_margin_std", excused);
  add_tally("reference_mode", same_mode);
  add_tally("one_answer", own_mode);
  result.details["reference"] = lane.name();
  result.details["texts"] = std::move(texts);
  return result;
}

}  // namespace bh::suites::crossval
