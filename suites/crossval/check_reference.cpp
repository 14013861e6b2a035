// Who the reference is: its commit, build and activation, and which of the known defects touch this comparison.
#include <fmt/format.h>

#include <algorithm>

#include "generated/bh_crossval.h"
#include "suites/crossval/checks.h"

namespace bh::suites::crossval {

using harness::Result;

namespace {

std::string fact(const json::object& facts, std::string_view name) {
  const json::value* value = find(facts, name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string activation_of(const engine::Model& model) {
  return model.config.activation == engine::Activation::squared_relu ? "relu_sqr" : "silu";
}

/// A row of known_defects.json holds where all its conditions do.
bool holds(const json::object& when, const engine::Model& model, const json::object& facts) {
  for (const auto& item : when) {
    const std::string_view key = item.key();
    const auto is = [&](const std::string& text) { return text == std::string_view(item.value().as_string()); };
    const auto contains = [&](const std::string& text) {
      return text.find(std::string_view(item.value().as_string())) != std::string::npos;
    };
    bool one = false;
    if (key == "model_activation") {
      one = is(activation_of(model));
    } else if (key == "reference_activation") {
      one = is(fact(facts, "activation"));
    } else if (key == "system_info" || key == "build_flags") {
      one = contains(fact(facts, key));
    } else if (key == "columns_not_multiple_of_128") {
      const auto matrices = model.matrices();
      one = std::any_of(matrices.begin(), matrices.end(), [](const engine::Matrix* matrix) {
        return matrix->format->ternary && matrix->cols % 128 != 0;
      });
    } else if (key == "pre_tokenizer_missing") {
      const engine::Vocabulary& vocabulary = model.tokenizer.vocabulary();
      one = vocabulary.model == "gpt2" && vocabulary.pre.empty();
    } else if (key == "model_n_ff_at_least") {
      one = model.config.n_ff >= item.value().as_int64();
    } else {
      fail(ErrorKind::internal, "known_defects.json: unknown condition {}", key);
    }
    if (!one) return false;
  }
  return true;
}

struct Defects {
  std::vector<std::string> invalidating;  ///< those that make it a reference for another model
  std::int64_t counted = 0;               ///< these, and those that warn
};

/// Adds the defects that apply to the details.
Defects add_defects(Result& result, const engine::Model& model, const json::object& facts) {
  Defects defects;
  json::array found;
  const json::value table = parse_json(embedded::crossval::known_defects_json(), "known_defects.json");
  for (const json::value& row : table.as_object().at("defects").as_array()) {
    const json::object& defect = row.as_object();
    if (!holds(defect.at("when").as_object(), model, facts)) continue;
    const std::string_view severity = defect.at("severity").as_string();
    found.push_back(json::object{{"id", defect.at("id")}, {"severity", severity}, {"effect", defect.at("effect")}});
    if (severity != "noted") ++defects.counted;
    if (severity == "invalidates") defects.invalidating.emplace_back(defect.at("effect").as_string());
  }
  result.details["known_defects"] = std::move(found);
  return defects;
}

/// The provenance of recorded outputs in the words of a live reference's facts.
json::object facts_of(const harness::Recorded& recorded) {
  const json::value* reference = find(recorded.provenance, "reference");
  if (reference == nullptr || !reference->is_object()) return {};
  json::object facts = reference->get_object();
  const std::string compiler = fact(facts, "compiler"), build = fact(facts, "build");
  facts["build_flags"] = compiler.empty() ? build : compiler + ", " + build;
  return facts;
}

}  // namespace

Result check_reference(Bench& bench, Lane& lane) {
  const engine::Model& model = bench.model();  // it has to load here before anything is said about there
  Result result;
  json::object facts;
  double same_vocabulary = 1;
  if (lane.live()) {
    const harness::SubjectInfo info = lane.describe();
    facts = info.facts;
    result.details["version"] = info.version;
    result.details["backend"] = info.backend;
    json::array cannot;
    for (const std::string& reason : lane.cannot()) {
      bench.progress("reference: " + reason);
      cannot.emplace_back(reason);
    }
    result.details["cannot"] = std::move(cannot);
    if (info.n_vocab > 0) same_vocabulary = info.n_vocab == model.config.n_vocab ? 1 : 0;
  } else {
    facts = facts_of(lane.recorded());
  }
  result.details["outcome"] = lane.live() ? "answers" : "recorded";
  result.details["reference"] = lane.name();
  result.details["facts"] = facts;
  result.details["model_activation"] = activation_of(model);
  const Defects defects = add_defects(result, model, facts);
  add(result, "answers", 1);
  add(result, "same_vocabulary_size", same_vocabulary);
  add(result, "known_defects", static_cast<double>(defects.counted));
  add(result, "invalidating_defects", static_cast<double>(defects.invalidating.size()));
  if (!defects.invalidating.empty()) {
    result.verdict = harness::Verdict::untrusted;
    result.reason = "it is no reference for this model: " + defects.invalidating.front();
  }
  return result;
}

}  // namespace bh::suites::crossval
