#include "harness/judge/criteria.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "harness/core/text.h"

namespace bh::harness {
namespace {

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

Bound read_bound(const std::string& cases, std::string_view metric, const json::value& value,
                 const std::string& where) {
  const json::object& object = object_of(value, where);
  refuse_unknown_keys(object, {"min", "max", "on_violation"}, where);
  Bound bound{cases, std::string(metric), std::nullopt, std::nullopt};
  if (find(object, "min") != nullptr) bound.min = get_number(object, "min", where);
  if (find(object, "max") != nullptr) bound.max = get_number(object, "max", where);
  if (!bound.min && !bound.max) fail(ErrorKind::setup, "{} has neither \"min\" nor \"max\"", where);
  if (bound.min && bound.max && *bound.min > *bound.max) fail(ErrorKind::setup, "{}: min is above max", where);
  if (find(object, "on_violation") != nullptr) {
    const std::string word = get_string(object, "on_violation", where);
    const auto verdict = verdict_from(word);
    if (verdict != Verdict::failed && verdict != Verdict::untrusted && verdict != Verdict::warned) {
      fail(ErrorKind::setup, "{}: on_violation is failed, untrusted or warned, not \"{}\"", where, word);
    }
    bound.on_violation = *verdict;
  }
  return bound;
}

/// {"ac5/hard-strings": {"equal_share": {"min": 1}}}; a metric may have a list of bounds with different consequences.
std::vector<Bound> read_bounds(const json::value& value, const std::string& prefix, const std::string& where) {
  std::vector<Bound> bounds;
  for (const auto& item : object_of(value, where)) {
    const std::string id = prefix + std::string(item.key());
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

Profile read_profile(const json::value& value, const std::string& prefix, const std::string& where) {
  const json::object& object = object_of(value, where + ", a profile");
  Profile profile;
  profile.name = get_string(object, "name", where + ", a profile");
  const std::string at = fmt::format("{}, profile {}", where, profile.name);
  refuse_unknown_keys(object, {"name", "summary", "match", "required", "bounds", "parameters"}, at);
  profile.summary = get_string(object, "summary", at);
  if (const json::value* match = find(object, "match")) {
    profile.match = object_of(*match, at + ", match");
    refuse_unknown_keys(profile.match, {"sha256", "n_layer", "n_embd", "max_layers", "max_embd", "device"},
                        at + ", match");
    profile.chosen_by_facts = true;
  }
  for (const json::value& pattern : array_of(member(object, "required", at), at + ", required")) {
    if (!pattern.is_string()) fail(ErrorKind::setup, "{}: \"required\" holds something that is no text", at);
    profile.required.push_back(prefix + std::string(pattern.get_string()));
  }
  if (const json::value* bounds = find(object, "bounds")) profile.bounds = read_bounds(*bounds, prefix, at);
  if (const json::value* parameters = find(object, "parameters")) {
    profile.parameters = object_of(*parameters, at + ", parameters");
  }
  return profile;
}

/// A whole id, or a pattern with * and ?.
bool is_meant(std::string_view case_id, std::string_view pattern) {
  return pattern.find_first_of("*?") == std::string_view::npos ? case_id == pattern : matches_filter(case_id, pattern);
}

bool matches(const json::object& match, const ModelFacts& facts, const std::string& where) {
  if (find(match, "sha256") != nullptr && get_string(match, "sha256", where) != facts.sha256) return false;
  if (find(match, "max_layers") != nullptr && get_int(match, "max_layers", where) < facts.n_layer) return false;
  if (find(match, "max_embd") != nullptr && get_int(match, "max_embd", where) < facts.n_embd) return false;
  if (find(match, "n_layer") != nullptr && get_int(match, "n_layer", where) != facts.n_layer) return false;
  if (find(match, "n_embd") != nullptr && get_int(match, "n_embd", where) != facts.n_embd) return false;
  return find(match, "device") == nullptr || get_string(match, "device", where) == facts.device;
}

}  // namespace

std::string criterion_of(std::string_view case_id) {
  const std::size_t first = case_id.find('/');
  if (first == std::string_view::npos) return {};
  std::string id(case_id.substr(first + 1));
  id.resize(std::min(id.size(), id.find('/')));
  std::transform(id.begin(), id.end(), id.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return id;
}

Criteria Criteria::read(std::string_view built_in, const Options& options, const std::string& suite) {
  if (!options.has("criteria")) return parse(built_in, "criteria.json", suite);
  const std::string path = options.text("criteria");
  const MappedFile file = MappedFile::open(path);
  return parse({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, path, suite);
}

Criteria Criteria::parse(std::string_view text, const std::string& what, const std::string& suite) {
  const std::string prefix = suite + "/";
  Criteria all;
  all.suite_ = suite;
  all.source_ = what;
  const json::value document = parse_json(text, what);
  all.document_ = object_of(document, what);
  if (const std::string schema = get_string(all.document_, "schema", what); schema != "bitharness.criteria/1") {
    fail(ErrorKind::setup, "{} has schema \"{}\"; this build reads bitharness.criteria/1", what, schema);
  }
  if (const json::value* criteria = find(all.document_, "criteria")) {
    const std::string where = what + ", criteria";
    for (const json::value& item : array_of(*criteria, where)) {
      const json::object& object = object_of(item, where);
      all.criteria_.push_back({get_string(object, "id", where), get_string(object, "title", where)});
    }
  }
  all.bounds_ = read_bounds(member(all.document_, "bounds", what), prefix, what + ", bounds");
  for (const json::value& item : array_of(member(all.document_, "profiles", what), what + ", profiles")) {
    all.profiles_.push_back(read_profile(item, prefix, what));
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

/// "criteria.json profile shipped, AC5"; the criterion only where the document lists it.
std::string Criteria::origin(const std::string& case_id, const Profile* profile) const {
  std::string text = source_;
  if (profile != nullptr) text += " profile " + profile->name;
  const std::string criterion = criterion_of(case_id);
  const bool listed =
      std::any_of(criteria_.begin(), criteria_.end(), [&](const Criterion& item) { return item.id == criterion; });
  return listed ? text + ", " + criterion : text;
}

std::vector<Expectation> Criteria::expectations(const Profile& profile,
                                                const std::vector<std::string>& case_ids) const {
  std::vector<Expectation> all;
  for (const std::string& id : case_ids) {
    const bool required = std::any_of(profile.required.begin(), profile.required.end(),
                                      [&](const std::string& pattern) { return is_meant(id, pattern); });
    if (required) all.push_back({id, "", std::nullopt, std::nullopt, origin(id, &profile)});
    const auto add = [&](const Bound& bound, const Profile* from) {
      all.push_back({id, bound.metric, bound.min, bound.max, origin(id, from), required, bound.on_violation});
    };
    const auto replaced = [&](const Bound& bound) {
      return std::any_of(profile.bounds.begin(), profile.bounds.end(),
                         [&](const Bound& other) { return other.metric == bound.metric && is_meant(id, other.cases); });
    };
    for (const Bound& bound : bounds_) {
      if (is_meant(id, bound.cases) && !replaced(bound)) add(bound, nullptr);
    }
    for (const Bound& bound : profile.bounds) {
      if (is_meant(id, bound.cases)) add(bound, &profile);
    }
  }
  return all;
}

void Criteria::check_cases(const Profile& profile, const std::vector<std::string>& case_ids) const {
  const auto known = [&](const std::string& pattern) {
    return std::any_of(case_ids.begin(), case_ids.end(), [&](const std::string& id) { return is_meant(id, pattern); });
  };
  for (const auto* bounds : {&bounds_, &profile.bounds}) {
    for (const Bound& bound : *bounds) {
      if (!known(bound.cases)) {
        fail(ErrorKind::setup, "{} has bounds for {}, which is no case; --list shows them", source_, bound.cases);
      }
    }
  }
  for (const std::string& pattern : profile.required) {
    if (!known(pattern)) {
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

}  // namespace bh::harness
