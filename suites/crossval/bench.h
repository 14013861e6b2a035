// What the cases of one crossval run share: the model on our engine, loaded once, the references beside it, the
// criteria.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend.h"
#include "harness/core/suite.h"
#include "harness/judge/compare_logits.h"
#include "harness/judge/criteria.h"
#include "suites/crossval/lane.h"

namespace bh::suites::crossval {

class Bench {
 public:
  explicit Bench(const harness::SuiteContext& context);

  const harness::Options& options() const noexcept { return *context_.options; }
  const harness::SuiteContext& context() const noexcept { return context_; }
  void progress(const std::string& line) const;

  // --- our side; each throws Error(setup) where it cannot be had
  const std::filesystem::path& model_path();
  const std::string& model_sha256();
  const engine::Model& model() { return backend().model(); }
  engine::Backend& backend();
  json::object subject() const;  ///< what the report says is tested

  // --- the other side
  Lane& lane() noexcept { return lane_a_; }    ///< --reference, or what was recorded
  Lane& lane_b() noexcept { return lane_b_; }  ///< --lane-b
  bool two_lanes() const noexcept { return lane_b_.named(); }

  // --- criteria
  const harness::Criteria& criteria() const noexcept { return criteria_; }
  const harness::Profile& profile();
  double number(std::string_view group, std::string_view name) { return criteria_.number(profile(), group, name); }
  harness::LogitTolerance tolerance();
  std::vector<std::string> prompts() const;  ///< --prompt and --prompts, or the criteria's own
  std::int32_t greedy_tokens();

  std::optional<json::object> receipt_note;  ///< set by the case that gathers it

 private:
  const harness::SuiteContext context_;
  harness::Criteria criteria_;
  const harness::Profile* profile_ = nullptr;
  std::filesystem::path model_path_;
  std::string sha256_;
  std::unique_ptr<engine::Backend> backend_;
  Lane lane_a_, lane_b_;
};

}  // namespace bh::suites::crossval
