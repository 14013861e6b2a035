// What the cases of one acceptance run share: the model, loaded once, the data recorded beside it, the criteria in
// force. Everything is fetched when first asked for, so that a case run alone pays for itself only.
#pragma once

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend.h"
#include "engine/runtime/generate.h"
#include "harness/core/result.h"
#include "harness/core/statistics.h"
#include "harness/core/suite.h"
#include "harness/io/sha256.h"
#include "harness/judge/criteria.h"
#include "harness/judge/recorded.h"
#include "suites/acceptance/text_judge.h"

namespace bh::suites::acceptance {

using harness::Criteria;
using harness::median;
using harness::Profile;
using harness::skipped;

/// Something a case needs, or the reason why it is not there.
template <class T>
struct Found {
  const T* value = nullptr;
  std::string why_not;
  explicit operator bool() const noexcept { return value != nullptr; }
};

inline constexpr std::size_t kMaxTextBytes = std::size_t{1} << 30;  ///< of a text beside a model

class Workbench {
 public:
  explicit Workbench(const harness::SuiteContext& context);
  ~Workbench();

  const harness::Options& options() const noexcept { return *context_.options; }
  const harness::Clock& clock() const noexcept { return context_.clock; }
  void progress(const std::string& line) const;

  // --- the subject
  bool mock_run() const noexcept { return mock_run_; }
  /// What this run tests; a mock where it is a mock run for want of a model.
  const harness::SubjectRow& subject_row() const noexcept { return *row_; }
  /// It lives in another process or machine: only its answers can be judged.
  bool elsewhere() const noexcept;
  std::span<const harness::SubjectRow> subjects() const noexcept { return context_.subjects; }
  std::unique_ptr<harness::Subject> open_subject(const harness::SubjectRow& row);
  harness::Subject& tested();  ///< a subject of subject_row(), opened once
  /// Why the tested subject lacks one of these abilities; empty = it has all.
  std::string why_not(std::initializer_list<harness::Ability> abilities);

  // --- the model; each throws Error(setup) where it cannot be had
  const std::filesystem::path& model_path();
  std::shared_ptr<const engine::Model> model();
  std::int64_t load_ns() const noexcept { return load_ns_; }
  const std::vector<harness::FileHash>& model_files();
  const std::string& model_sha256();
  engine::Backend& backend();
  std::unique_ptr<engine::Backend> load_backend(std::shared_ptr<const engine::Model> model);
  engine::BackendOptions backend_options() const;
  std::string device() const { return options().text("device"); }

  // --- data recorded beside the model, or in the shipped model's folder where the hash is that model's
  std::vector<std::filesystem::path> data_folders();
  Found<harness::Recorded> recorded();
  Found<json::object> recorded_text();
  Found<std::string> heldout_text();  ///< in the model's language
  Found<std::string> any_text();      ///< the held-out text, or the shipped model's for want of one
  const WordList& words();            ///< of the held-out text; empty without one
  std::optional<std::filesystem::path> shipped_folder() const;
  bool is_shipped_model();  ///< by its hash, wherever it was copied to

  // --- the run
  std::optional<json::object> receipt_note;  ///< evidence for the receipt, once ac3 has gathered it
  double elapsed_seconds() const;
  /// The result of another case of this run, run now if it has not been yet. Set by the suite.
  std::function<harness::Result(const std::string& case_id)> result_of;
  json::object subject() const;  ///< what the report says is tested, so far as it is known

  // --- criteria
  const Criteria& criteria() const noexcept { return criteria_; }
  const Profile& profile();
  double number(std::string_view group, std::string_view name);
  std::int64_t count(std::string_view group, std::string_view name);
  std::vector<std::string> prompts() const;
  std::vector<harness::Expectation> expectations();
  /// The verdict the one judge gives `result` as that of the case, by the criteria in force.
  harness::Verdict judged(harness::Result result, const std::string& case_id);

 private:
  const harness::SuiteContext context_;
  const std::int64_t start_ns_;
  Criteria criteria_;
  bool mock_run_ = false;
  const harness::SubjectRow* row_ = nullptr;
  std::unique_ptr<harness::Subject> tested_;
  mutable harness::SubjectInfo tested_info_;  ///< what it said last
  const Profile* profile_ = nullptr;
  std::optional<std::filesystem::path> model_path_;
  std::shared_ptr<const engine::Model> model_;
  std::int64_t load_ns_ = 0;
  std::vector<harness::FileHash> files_;
  std::string sha256_;
  std::unique_ptr<engine::Backend> backend_;
  std::optional<std::optional<harness::Recorded>> recorded_;
  std::optional<std::optional<json::object>> recorded_text_;
  std::optional<std::optional<std::string>> heldout_;
  std::optional<std::optional<std::string>> any_text_;
  std::optional<WordList> words_;
};

}  // namespace bh::suites::acceptance
