#include "suites/acceptance/criteria.h"

#include <algorithm>

#include "engine/base/error.h"
#include "harness/core/text.h"

namespace bh::suites::acceptance {
namespace {

constexpr std::string_view kPrefix = "acceptance/";

const json::object& object_of(const json::value& value, const std::string& where) {
  if (!value.is_object()) fail(ErrorKind::setup, "{} has to be a JSON object", where);
  return value.get_object();
}

const json::value& member(const json::object& object, std::string_view key, const std::string& where) {
  const json::value* value = find(object, key);
  if (value == nullptr) fail(ErrorKind::setup, "{} lacks \"{}\"", where, key);
  return *value;
}

const json::array& array_of(const json::value& value, const std::string& where) {
  if (!value.is_array()) fail(ErrorKind::setup, "{} has to be a JSON list", where);
  return value.get_array();
}

void refuse_unknown_keys(const json::object& object, std::initializer_list<std::string_view> known,
                         const std::string& where) {
  for (const auto& item : object) {
    if (std::find(known.begin(), known.end(), std::string_view(item.key())) == known.end()) {
      fail(ErrorKind::setup, "{} holds \"{}\", which means nothing here", where, std::string_view(item.key()));
    }
  }
}

Bound read_bound(const std::string& case_id, std::string_view metric, const json::value& value,
                 const std::string& where) {
  const json::object& object = object_of(value, where);
  refuse_unknown_keys(object, {"min", "max", "on_violation"}, where);
  Bound bound{case_id, std::string(metric), std::nullopt, std::nullopt};
  if (find(object, "min") != nullptr) bound.min = get_number(object, "min", where);
  if (find(object, "max") != nullptr) bound.max = get_number(object, "max", where);
  if (!bound.min && !bound.max) fail(ErrorKind::setup, "{} has neither \"min\" nor \"max\"", where);
  if (bound.min && bound.max && *bound.min > *bound.max) fail(ErrorKind::setup, "{}: min is above max", where);
  if (find(object, "on_violation") != nullptr) {
    const std::string word = get_string(object, "on_violation", where);
    const auto verdict = harness::verdict_from(word);
    if (verdict != harness::Verdict::failed && verdict != harness::Verdict::untrusted &&
        verdict != harness::Verdict::warned) {
      fail(ErrorKind::setup, "{}: on_violation is failed, untrusted or warned, not \"{}\"", where, word);
    }
    bound.on_violation = *verdict;
  }
  return bound;
}

/// {"ac5/hard-strings": {"equal_share": {"min": 1}}}; a metric may have a list of bounds with different consequences.
std::vector<Bound> read_bounds(const json::value& value, const std::string& where) {
  std::vector<Bound> bounds;
  for (const auto& item : object_of(value, where)) {
    const std::string id = std::string(kPrefix) + std::string(item.key());
    const std::string at = fmt::format("{}, {}", where, std::string_view(item.key()));
    for (const auto& metric : object_of(item.value(), at)) {
      const std::string place = fmt::format("{}, {}", at, std::string_view(metric.key()));
      if (metric.value().is_array()) {
        for (const json::value& each : metric.value().get_array()) {
          bounds.push_back(read_bound(id, metric.key(), each, place));
        }
      } else {
        bounds.push_back(read_bound(id, metric.key(), metric.value(), place));
      }
    }
  }
  return bounds;
}

Profile read_profile(const json::value& value, const std::string& where) {
  const json::object& object = object_of(value, where + ", a profile");
  Profile profile;
  profile.name = get_string(object, "name", where + ", a profile");
  const std::string at = fmt::format("{}, profile {}", where, profile.name);
  refuse_unknown_keys(object, {"name", "summary", "match", "required", "bounds", "parameters"}, at);
  profile.summary = get_string(object, "summary", at);
  if (const json::value* match = find(object, "match")) {
    profile.match = object_of(*match, at + ", match");
    refuse_unknown_keys(profile.match, {"sha256", "n_layer", "n_embd", "device"}, at + ", match");
    profile.chosen_by_facts = true;
  }
  for (const json::value& pattern : array_of(member(object, "required", at), at + ", required")) {
    if (!pattern.is_string()) fail(ErrorKind::setup, "{}: \"required\" holds something that is no text", at);
    profile.required.push_back(std::string(kPrefix) + std::string(pattern.get_string()));
  }
  if (const json::value* bounds = find(object, "bounds")) profile.bounds = read_bounds(*bounds, at);
  if (const json::value* parameters = find(object, "parameters")) {
    profile.parameters = object_of(*parameters, at + ", parameters");
  }
  return profile;
}

bool matches(const json::object& match, const ModelFacts& facts, const std::string& where) {
  if (find(match, "sha256") != nullptr && get_string(match, "sha256", where) != facts.sha256) return false;
  if (find(match, "n_layer") != nullptr && get_int(match, "n_layer", where) != facts.n_layer) return false;
  if (find(match, "n_embd") != nullptr && get_int(match, "n_embd", where) != facts.n_embd) return false;
  return find(match, "device") == nullptr || get_string(match, "device", where) == facts.device;
}

}  // namespace

std::string criterion_of(std::string_view case_id) {
  std::string id(case_id.substr(0, kPrefix.size()) == kPrefix ? case_id.substr(kPrefix.size()) : case_id);
  id.resize(std::min(id.size(), id.find('/')));
  std::transform(id.begin(), id.end(), id.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return id;
}

Criteria Criteria::parse(std::string_view text, const std::string& what) {
  Criteria all;
  all.source_ = what;
  const json::value document = parse_json(text, what);
  all.document_ = object_of(document, what);
  if (const std::string schema = get_string(all.document_, "schema", what); schema != "bitharness.criteria/1") {
    fail(ErrorKind::setup, "{} has schema \"{}\"; this build reads bitharness.criteria/1", what, schema);
  }
  for (const json::value& item : array_of(member(all.document_, "criteria", what), what + ", criteria")) {
    const std::string where = what + ", criteria";
    const json::object& object = object_of(item, where);
    all.criteria_.push_back({get_string(object, "id", where), get_string(object, "title", where)});
  }
  all.bounds_ = read_bounds(member(all.document_, "bounds", what), what + ", bounds");
  for (const json::value& item : array_of(member(all.document_, "profiles", what), what + ", profiles")) {
    all.profiles_.push_back(read_profile(item, what));
  }
  for (const auto& group : object_of(member(all.document_, "parameters", what), what + ", parameters")) {
    for (const auto& parameter : object_of(group.value(), what + ", parameters")) {
      if (!parameter.value().is_number()) {
        fail(ErrorKind::setup, "{}: parameter \"{}\" is no number", what, std::string_view(parameter.key()));
      }
    }
  }
  return all;
}

const Profile& Criteria::choose(const ModelFacts& facts) const {
  for (const Profile& profile : profiles_) {
    if (profile.chosen_by_facts && matches(profile.match, facts, source_)) return profile;
  }
  fail(ErrorKind::setup, "{} has no profile for this model and device: name one with --profile", source_);
}

const Profile& Criteria::named(std::string_view name) const {
  std::string known;
  for (const Profile& profile : profiles_) {
    if (profile.name == name) return profile;
    known += (known.empty() ? "" : ", ") + profile.name;
  }
  fail(ErrorKind::usage, "--profile {}: {} knows {}", name, source_, known);
}

std::vector<harness::Expectation> Criteria::expectations(const Profile& profile,
                                                         const std::vector<std::string>& case_ids) const {
  const auto required = [&](const std::string& id) {
    return std::any_of(profile.required.begin(), profile.required.end(),
                       [&](const std::string& pattern) { return harness::matches_filter(id, pattern); });
  };
  const auto replaced = [&](const Bound& bound) {
    return std::any_of(profile.bounds.begin(), profile.bounds.end(), [&](const Bound& other) {
      return other.case_id == bound.case_id && other.metric == bound.metric;
    });
  };
  check_ids(profile, case_ids);
  std::vector<harness::Expectation> all;
  for (const std::string& id : case_ids) {
    const std::string criterion = criterion_of(id);
    const bool is_required = required(id);
    if (is_required) {
      all.push_back(
          {id, "", std::nullopt, std::nullopt, fmt::format("{} profile {}, {}", source_, profile.name, criterion)});
    }
    const auto add = [&](const Bound& bound, const std::string& from) {
      if (bound.case_id != id) return;
      all.push_back({id, bound.metric, bound.min, bound.max, fmt::format("{}, {}", from, criterion), is_required,
                     bound.on_violation});
    };
    for (const Bound& bound : bounds_) {
      if (!replaced(bound)) add(bound, source_);
    }
    for (const Bound& bound : profile.bounds) add(bound, fmt::format("{} profile {}", source_, profile.name));
  }
  return all;
}

void Criteria::check_ids(const Profile& profile, const std::vector<std::string>& case_ids) const {
  for (const auto* bounds : {&bounds_, &profile.bounds}) {
    for (const Bound& bound : *bounds) {
      if (std::find(case_ids.begin(), case_ids.end(), bound.case_id) == case_ids.end()) {
        fail(ErrorKind::setup, "{} has bounds for {}, which is no case; --list shows them", source_, bound.case_id);
      }
    }
  }
  for (const std::string& pattern : profile.required) {
    if (std::none_of(case_ids.begin(), case_ids.end(),
                     [&](const std::string& id) { return harness::matches_filter(id, pattern); })) {
      fail(ErrorKind::setup, "{}: profile {} requires {}, which is no case", source_, profile.name, pattern);
    }
  }
}

double Criteria::number(const Profile& profile, std::string_view group, std::string_view name) const {
  const auto look = [&](const json::object& groups) -> const json::value* {
    const json::value* found = find(groups, group);
    return found != nullptr && found->is_object() ? find(found->get_object(), name) : nullptr;
  };
  const json::value* value = look(profile.parameters);
  if (value == nullptr) value = look(member(document_, "parameters", source_).get_object());
  if (value == nullptr || !value->is_number()) {
    fail(ErrorKind::setup, "{} lacks the number \"{}\" of parameters \"{}\"", source_, name, group);
  }
  return value->to_number<double>();
}

const json::array& Criteria::list(std::string_view name) const {
  return array_of(member(document_, name, source_), fmt::format("{}, {}", source_, name));
}

}  // namespace bh::suites::acceptance
