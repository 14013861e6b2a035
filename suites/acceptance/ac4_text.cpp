// AC4: generated text is deterministic, is the recorded one, and is language; and this very check sees a damaged model.
#include <algorithm>
#include <functional>

#include "engine/base/error.h"
#include "suites/acceptance/cases.h"
#include "suites/acceptance/planted_defects.h"

namespace bh::suites::acceptance {

using engine::Backend;
using engine::GenerateOptions;
using engine::Generation;
using engine::Session;
using engine::TokenId;
using harness::Ability;
using harness::Result;
using harness::Verdict;

namespace {

struct Samples {
  std::vector<TextFacts> facts;
  json::array texts;
};

/// Text from a prompt, of whatever is judged here: the tested subject, or a damaged copy of the model.
using Writer = std::function<Generation(const std::string& prompt, const GenerateOptions& options)>;

Writer writer_of(Backend& backend) {
  return [&backend](const std::string& prompt, const GenerateOptions& options) {
    const auto ids = backend.model().tokenizer.encode(prompt);
    const auto wanted = static_cast<std::int64_t>(ids.size()) + options.max_tokens;
    Session session(backend, static_cast<std::int32_t>(std::min<std::int64_t>(backend.model().config.n_ctx, wanted)));
    return engine::generate(session, ids, options);
  };
}

Writer writer_of(Workbench& bench) {
  if (!bench.elsewhere()) return writer_of(bench.backend());
  return [&subject = bench.tested()](const std::string& prompt, const GenerateOptions& options) {
    return subject.generate(subject.tokenize(prompt, {}), options);
  };
}

Generation generate_text(const Writer& writer, const std::string& prompt, std::int64_t tokens, float temperature,
                         std::uint64_t seed) {
  GenerateOptions options;
  options.max_tokens = static_cast<std::int32_t>(tokens);
  options.ignore_eog = true;
  options.sampling.temperature = temperature;
  options.sampling.seed = seed;
  return writer(prompt, options);
}

json::object to_document(const std::string& prompt, const Generation& generation) {
  json::array ids;
  for (const TokenId id : generation.ids) ids.emplace_back(id);
  return {{"prompt", prompt}, {"ids", std::move(ids)}, {"text", generation.text}};
}

constexpr const char* kRecordedText = "acceptance/ac4/recorded-text";
constexpr const char* kSamples = "acceptance/ac4/samples";

/// Greedy from every prompt and one seeded sample each: what golden/text.json records.
json::object generate_record(const Writer& writer, Workbench& bench) {
  json::array greedy, samples;
  std::int64_t seed = 1;
  const auto tokens = bench.count("ac4", "recorded_tokens");
  const auto temperature = static_cast<float>(bench.number("ac4", "temperature"));
  for (const std::string& prompt : bench.prompts()) {
    greedy.push_back(to_document(prompt, generate_text(writer, prompt, tokens, 0, 0)));
    json::object sample =
        to_document(prompt, generate_text(writer, prompt, tokens, temperature, static_cast<std::uint64_t>(seed)));
    sample["seed"] = seed++;
    samples.push_back(std::move(sample));
  }
  return {{"greedy", std::move(greedy)}, {"samples", std::move(samples)}};
}

/// Share of the recorded texts that come out again, id by id.
double equal_share(const json::object& record, const json::object& recorded) {
  std::int64_t equal = 0, all = 0;
  for (const char* list : {"greedy", "samples"}) {
    const json::value* own = find(record, list);
    const json::value* its = find(recorded, list);
    if (its == nullptr || !its->is_array()) return 0;
    const json::array& theirs = its->get_array();
    const json::array& ours = own->get_array();
    all += static_cast<std::int64_t>(std::max(theirs.size(), ours.size()));
    for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) equal += ours[i] == theirs[i] ? 1 : 0;
  }
  return all == 0 ? 0 : static_cast<double>(equal) / static_cast<double>(all);
}

Samples draw_samples(const Writer& writer, Workbench& bench) {
  Samples samples;
  const auto prompts = bench.prompts();
  const auto tokens = bench.count("ac4", "sample_tokens");
  const auto temperature = static_cast<float>(bench.number("ac4", "temperature"));
  for (std::int64_t seed = 1; seed <= bench.count("ac4", "samples"); ++seed) {
    const std::string& prompt = prompts[static_cast<std::size_t>(seed) % prompts.size()];
    const Generation sample = generate_text(writer, prompt, tokens, temperature, static_cast<std::uint64_t>(seed));
    samples.facts.push_back(look_at(sample.ids, sample.text, bench.words()));
    samples.texts.push_back(json::object{{"seed", seed}, {"prompt", prompt}, {"text", sample.text}});
  }
  return samples;
}

template <class Value>
double median_of(const Samples& samples, const Value& value, std::vector<double>& all) {
  all.clear();
  for (const TextFacts& facts : samples.facts) all.push_back(value(facts));
  return median(all);
}

Result judge_samples(const Writer& writer, Workbench& bench) {
  Samples samples = draw_samples(writer, bench);
  Result result;
  std::vector<double> all;
  const auto put = [&](const char* name, const auto& value) {
    const double middle = median_of(samples, value, all);
    add_samples(result, name, middle, "", all);
  };
  put("repetition_rate", [](const TextFacts& facts) { return facts.repetition_rate; });
  put("distinct_share", [](const TextFacts& facts) { return facts.distinct_share; });
  put("longest_run_share", [](const TextFacts& facts) { return facts.longest_run_share; });
  if (samples.facts.front().known_word_share) {
    put("known_word_share", [](const TextFacts& facts) { return *facts.known_word_share; });
  } else {
    add_missing(result, "known_word_share", "", "no heldout.txt beside the model to take words from");
  }
  add(result, "known_words_listed", static_cast<double>(bench.words().size()));
  result.details["samples"] = std::move(samples.texts);
  return result;
}

Result compare_text(const json::object& record, const json::object& recorded) {
  Result result;
  add(result, "equal_share", equal_share(record, recorded));
  return result;
}

}  // namespace

Result check_greedy_repeats(Workbench& bench) {
  if (const std::string why = bench.why_not({Ability::generate}); !why.empty()) return skipped(why);
  const Writer writer = writer_of(bench);
  Result result;
  std::int64_t equal = 0;
  json::array texts;
  const auto prompts = bench.prompts();
  for (const std::string& prompt : prompts) {
    const auto tokens = bench.count("ac4", "recorded_tokens");
    const Generation first = generate_text(writer, prompt, tokens, 0, 0);
    const Generation second = generate_text(writer, prompt, tokens, 0, 0);
    equal += first.ids == second.ids && first.text == second.text ? 1 : 0;
    texts.push_back(to_document(prompt, first));
  }
  add(result, "equal_share", static_cast<double>(equal) / static_cast<double>(prompts.size()));
  result.details["texts"] = std::move(texts);
  return result;
}

Result check_recorded_text(Workbench& bench) {
  if (bench.elsewhere()) {
    if (const std::string why = bench.why_not({Ability::generate, Ability::sample}); !why.empty()) return skipped(why);
    const std::string numerics = bench.tested().describe().numerics;
    if (numerics != "one_answer") {
      return skipped("the recorded text is that of the numerics one_answer, not of " + numerics);
    }
  }
  json::object record = generate_record(writer_of(bench), bench);
  const auto recorded = bench.recorded_text();
  Result result = recorded ? compare_text(record, *recorded.value) : skipped(recorded.why_not);
  record["schema"] = "bitharness.recorded_text/1";
  record["model_sha256"] = bench.model_sha256();
  record["numerics"] = "one_answer";
  record["temperature"] = bench.number("ac4", "temperature");
  result.details["record"] = std::move(record);
  return result;
}

Result check_samples(Workbench& bench) {
  if (const std::string why = bench.why_not({Ability::generate, Ability::sample}); !why.empty()) return skipped(why);
  return judge_samples(writer_of(bench), bench);
}

/// Damaged copies go through the same two checks, with the same bounds. Without a recorded text, that of this run
/// stands in for it.
Result check_zeroed_layer(Workbench& bench) {
  const auto recorded = bench.recorded_text();
  const json::object sound = recorded ? *recorded.value : generate_record(writer_of(bench), bench);
  const auto layers = static_cast<std::int64_t>(bench.model()->layers.size());
  const auto tried = std::clamp<std::int64_t>(bench.count("ac4", "zeroed_layers"), 1, layers);
  std::int64_t seen = 0, seen_by_text = 0, seen_by_samples = 0;
  json::array damaged;
  for (std::int64_t i = 0; i < tried; ++i) {
    const auto layer = static_cast<int>(i * layers / tried);
    bench.progress(fmt::format("planted defect: layer {} zeroed", layer));
    const auto backend = bench.load_backend(with_zeroed_layer(bench.model(), layer));
    const Result text = compare_text(generate_record(writer_of(*backend), bench), sound);
    const Result samples = judge_samples(writer_of(*backend), bench);
    const bool by_text = bench.judged(text, kRecordedText) == Verdict::failed;
    const bool by_samples = bench.judged(samples, kSamples) == Verdict::failed;
    seen += by_text || by_samples ? 1 : 0;
    seen_by_text += by_text ? 1 : 0;
    seen_by_samples += by_samples ? 1 : 0;
    damaged.push_back(json::object{{"layer", layer},
                                   {"seen_by_text", by_text},
                                   {"seen_by_samples", by_samples},
                                   {"samples", samples.details.at("samples")}});
  }
  const auto share = [&](std::int64_t part) { return static_cast<double>(part) / static_cast<double>(tried); };
  Result result;
  add(result, "damaged_models", static_cast<double>(tried));
  add(result, "seen_share", share(seen));
  add(result, "seen_by_text_share", share(seen_by_text));
  add(result, "seen_by_samples_share", share(seen_by_samples));
  result.details["damaged"] = std::move(damaged);
  return result;
}

}  // namespace bh::suites::acceptance
