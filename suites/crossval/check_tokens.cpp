// The gate before everything else: the same text has to become the same token ids.
#include <fmt/format.h>

#include <algorithm>

#include "suites/crossval/checks.h"

namespace bh::suites::crossval {

using engine::TokenId;
using harness::Result;

namespace {

std::size_t first_difference(const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
  std::size_t i = 0;
  while (i < a.size() && i < b.size() && a[i] == b[i]) ++i;
  return i;
}

/// What usually lies behind a difference of this shape.
std::string hint(const engine::Model& model, const std::vector<TokenId>& ours, const std::vector<TokenId>& theirs,
                 std::size_t at) {
  const engine::Vocabulary& vocabulary = model.tokenizer.vocabulary();
  const auto without_first = [](const std::vector<TokenId>& ids) {
    return std::vector<TokenId>(ids.begin() + (ids.empty() ? 0 : 1), ids.end());
  };
  if (without_first(ours) == theirs) return "only we put BOS in front: see tokenizer.ggml.add_bos_token";
  if (ours == without_first(theirs)) return "only the reference puts BOS in front: see tokenizer.ggml.add_bos_token";
  if (vocabulary.model == "gpt2" && vocabulary.pre.empty()) {
    return "the file names no tokenizer.ggml.pre; both sides have to take the same rule (--pre)";
  }
  if (at <= 1 && vocabulary.model == "llama")
    return "the space that SPM puts in front: see tokenizer.ggml.add_space_prefix";
  if (at == std::min(ours.size(), theirs.size())) return "one side ends early: EOS, or text that was cut";
  return fmt::format("pre-tokenizer '{}' or the ranks of the merges", vocabulary.pre);
}

json::array array_of(const std::vector<TokenId>& ids) {
  json::array list;
  for (const TokenId id : ids) list.emplace_back(id);
  return list;
}

}  // namespace

std::string show_token(const engine::Tokenizer& tokenizer, TokenId id) {
  if (id < 0 || id >= tokenizer.size()) return fmt::format("<{}>", id);
  return one_line(tokenizer.piece(id, true));
}

Result check_tokens(Bench& bench, Lane& lane) {
  struct Pair {
    std::string text;
    std::vector<TokenId> theirs;
  };
  std::vector<Pair> pairs;
  if (lane.live()) {
    for (const std::string& text : bench.prompts()) pairs.push_back({text, lane.tokenize(text)});
  } else {
    for (const harness::RecordedRun& run : lane.recorded().runs) pairs.push_back({run.prompt, run.prompt_ids});
  }
  const engine::Model& model = bench.model();
  std::int64_t equal = 0;
  json::array prompts;
  Result result;
  for (const Pair& pair : pairs) {
    const std::vector<TokenId> ours = model.tokenizer.encode(pair.text);
    const std::size_t at = first_difference(ours, pair.theirs);
    const bool same = ours == pair.theirs;
    equal += same ? 1 : 0;
    json::object row{{"prompt", one_line(pair.text)}, {"tokens", pair.theirs.size()}, {"equal", same}};
    if (!same) {
      const auto shown = [&](const std::vector<TokenId>& ids) {
        return at < ids.size() ? fmt::format("{} '{}'", ids[at], show_token(model.tokenizer, ids[at])) : "nothing";
      };
      row["first_difference"] = at;
      row["ours_there"] = shown(ours);
      row["reference_there"] = shown(pair.theirs);
      row["hint"] = hint(model, ours, pair.theirs, at);
      row["ours"] = array_of(ours);
      row["reference"] = array_of(pair.theirs);
      if (result.reason.empty()) {
        result.reason = fmt::format("token {} of '{}' is {} here and {} there: {}", at, one_line(pair.text),
                                    shown(ours), shown(pair.theirs), hint(model, ours, pair.theirs, at));
        result.verdict = harness::Verdict::failed;
      }
    }
    prompts.push_back(std::move(row));
  }
  result.details["reference"] = lane.name();
  result.details["prompts"] = std::move(prompts);
  add(result, "prompts", static_cast<double>(pairs.size()));
  add(result, "equal_share", static_cast<double>(equal) / static_cast<double>(std::max<std::size_t>(pairs.size(), 1)));
  return result;
}

}  // namespace bh::suites::crossval
