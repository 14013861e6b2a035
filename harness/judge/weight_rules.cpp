#include "harness/judge/weight_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "generated/bh_judge.h"
#include "harness/core/text.h"

namespace bh::harness {

namespace {

const json::array& array_of(const json::object& object, std::string_view key, std::string_view what) {
  const json::value* value = find(object, key);
  if (value == nullptr || !value->is_array()) fail(ErrorKind::setup, "{}: '{}' has to be an array", what, key);
  return value->get_array();
}

const json::object& object_of(const json::value& value, std::string_view what) {
  if (!value.is_object()) fail(ErrorKind::setup, "{}: an object is expected", what);
  return value.get_object();
}

WeightRules choose(const std::vector<WeightRules>& all, std::string_view architecture, std::string_view what) {
  for (const std::string_view wanted : {architecture, std::string_view("generic")}) {
    for (const WeightRules& rules : all) {
      const auto& names = rules.architectures;
      if (rules.name == wanted || std::find(names.begin(), names.end(), wanted) != names.end()) return rules;
    }
  }
  fail(ErrorKind::setup, "{}: no set names the architecture {}, and there is none called generic", what, architecture);
}

}  // namespace

std::vector<WeightRules> parse_weight_rules(std::string_view text, std::string_view what) {
  const json::value document = parse_json(text, what);
  const json::object& root = object_of(document, what);
  if (const auto schema = get_string(root, "schema", what); schema != "bitharness.weight_rules/1") {
    fail(ErrorKind::setup, "{}: schema '{}' is not bitharness.weight_rules/1", what, schema);
  }
  std::vector<WeightRules> all;
  for (const auto& element : array_of(root, "sets", what)) {
    const json::object& set = object_of(element, what);
    WeightRules rules{get_string(set, "name", what), {}, {}};
    for (const auto& name : array_of(set, "architectures", what)) {
      if (!name.is_string()) fail(ErrorKind::setup, "{}: 'architectures' holds something else than names", what);
      rules.architectures.emplace_back(name.get_string().data(), name.get_string().size());
    }
    for (const auto& item : array_of(set, "bands", what)) {
      const json::object& band = object_of(item, what);
      rules.bands.push_back(
          {get_string(band, "tensors", what), get_number(band, "rms_min", what), get_number(band, "rms_max", what)});
    }
    all.push_back(std::move(rules));
  }
  return all;
}

WeightRules weight_rules_for(std::string_view architecture) {
  return choose(parse_weight_rules(embedded::judge::weight_rules_json(), "weight_rules.json"), architecture,
                "weight_rules.json");
}

WeightRules weight_rules_from(const std::string& path, std::string_view architecture) {
  return choose(parse_weight_rules(write_json(read_json_file(path)), path), architecture, path);
}

std::string find_fault(const WeightRules& rules, const engine::TensorStats& stats) {
  if (stats.nonfinite > 0) return fmt::format("{} values are not finite", stats.nonfinite);
  if (stats.illegal_codes > 0) return fmt::format("{} codes stand for no value", stats.illegal_codes);
  if (stats.zero_fraction >= 1) return "all values are zero";
  for (const WeightBand& band : rules.bands) {
    if (!matches_filter(stats.name, band.tensors)) continue;
    if (stats.rms >= band.rms_min && stats.rms <= band.rms_max) return "";
    return fmt::format("RMS {:.6g} is outside {:g} to {:g} (rules {}, {})", stats.rms, band.rms_min, band.rms_max,
                       rules.name, band.tensors);
  }
  return "";
}

}  // namespace bh::harness
