// The criteria of a suite as data: bounds per case and metric, the profiles that say which cases are required, and the
// parameters of the measurements. They stand once, in the suite's criteria.json, embedded at build; --criteria FILE
// overrides it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "harness/core/expectation.h"
#include "harness/core/options.h"

namespace bh::harness {

/// What a profile is chosen by.
struct ModelFacts {
  std::string sha256;
  std::int64_t n_layer = 0;
  std::int64_t n_embd = 0;
  std::string device;  ///< "cpu"
};

struct Bound {
  std::string cases;  ///< an id, "acceptance/ac5/hard-strings", or a pattern of ids, "parity/exact/codes/*"
  std::string metric;
  std::optional<double> min, max;
  Verdict on_violation = Verdict::failed;
};

struct Criterion {
  std::string id;  ///< "AC5"
  std::string title;
};

struct Profile {
  std::string name;
  std::string summary;
  json::object match;  ///< facts it is chosen by; never chosen on its own without "match"
  bool chosen_by_facts = false;
  std::vector<std::string> required;  ///< patterns of case ids
  std::vector<Bound> bounds;          ///< for a case and metric they bound, the document's own do not count
  json::object parameters;            ///< replace single parameters of a group
};

/// bitharness.criteria/1, read and checked.
class Criteria {
 public:
  /// Ids and patterns of the document stand behind "<suite>/". Throws Error(setup) naming `what` and the place.
  static Criteria parse(std::string_view text, const std::string& what, const std::string& suite);
  /// The suite's built-in document, or the file of --criteria.
  static Criteria read(std::string_view built_in, const Options& options, const std::string& suite);

  const std::string& source() const noexcept { return source_; }  ///< "criteria.json" or the file that replaces it
  const std::vector<Criterion>& criteria() const noexcept { return criteria_; }
  const std::vector<Profile>& profiles() const noexcept { return profiles_; }

  /// The first profile that all its match facts fit. Throws Error(setup) if none does.
  const Profile& choose(const ModelFacts& facts) const;
  /// Throws Error(usage) listing the names.
  const Profile& named(std::string_view name) const;

  /// Bounds of a profile for all the cases, and one expectation without a metric for each required case.
  std::vector<Expectation> expectations(const Profile& profile, const std::vector<std::string>& case_ids) const;
  /// Throws Error(setup) where bounds or requirements name no case: for suites whose cases are always the same.
  void check_cases(const Profile& profile, const std::vector<std::string>& case_ids) const;

  /// A parameter of a group ("ac4", "max_tokens"), as the profile or the whole document has it. Error(setup) if
  /// missing.
  double number(const Profile& profile, std::string_view group, std::string_view name) const;
  /// Any other list of the document: "prompts", "known_models". Error(setup) if missing or no list.
  const json::array& list(std::string_view name) const;

 private:
  std::string origin(const std::string& case_id, const Profile* profile) const;

  std::string source_;
  std::string suite_;
  json::object document_;
  std::vector<Criterion> criteria_;
  std::vector<Bound> bounds_;
  std::vector<Profile> profiles_;
};

/// "AC5" of "acceptance/ac5/hard-strings": the second part of an id, in capitals.
std::string criterion_of(std::string_view case_id);

}  // namespace bh::harness
