// What the cases of one perf run share: models with their hashes, the subject in use, the bandwidth probe. Loaded when
// first asked for, given back when another is.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/suite.h"
#include "harness/judge/criteria.h"
#include "harness/measure/bandwidth.h"
#include "suites/perf/plan.h"

namespace bh::suites::perf {

class Bench {
 public:
  Bench(const harness::SuiteContext& context, harness::Criteria criteria);
  ~Bench();

  const harness::Options& options() const noexcept { return *context_.options; }
  const harness::Clock& clock() const noexcept { return context_.clock; }
  const std::function<void(std::string_view)>& progress() const noexcept { return context_.progress; }
  const auto& rerun() const noexcept { return context_.rerun; }
  const harness::Criteria& criteria() const noexcept { return criteria_; }
  const harness::Profile& profile() const { return criteria_.named("default"); }
  double number(std::string_view group, std::string_view name) const;
  std::int64_t min_sample_ns() const;
  const Table& table() const noexcept { return table_; }
  std::vector<PerfModel>& models() noexcept { return models_; }
  const std::vector<Rival>& rivals() const noexcept { return rivals_; }
  const std::string& device_name() const noexcept { return device_name_; }  ///< "cpu.avx512_vnni"
  bool on_cpu() const noexcept { return device_name_.rfind("cpu", 0) == 0; }

  std::vector<Planned> plan() const;

  const engine::Model& model(const Spec& spec);
  const std::string& model_sha256(const Spec& spec);
  json::object models_note() const;  ///< what is known of the models so far, by name

  /// Our engine in this process, loaded as the case needs it; kept for the next case that needs the same.
  harness::Subject& engine(const Spec& spec);
  std::unique_ptr<harness::Subject> open_engine(const Spec& spec);
  /// Our engine as a child process, as rivals are; and a rival.
  std::unique_ptr<harness::Subject> open_candidate(const Spec& spec);
  std::unique_ptr<harness::Subject> open_rival(const Spec& spec);
  void release_engine() noexcept;  ///< before something is timed in other processes

  harness::BandwidthProbe& probe(double bytes, int threads);
  /// Drawn once a run, or --seed. `attempt` 1 is the re-run of a suspect.
  std::uint64_t seed(int attempt) const noexcept { return seed_ + static_cast<std::uint64_t>(attempt); }
  void stop_if_cancelled() const;  ///< throws Error(setup)

  std::optional<json::object> receipt_note;  ///< see evidence.h

 private:
  harness::SubjectSettings settings(const Spec& spec);
  std::int32_t context_needed(std::size_t model) const;

  const harness::SuiteContext context_;
  harness::Criteria criteria_;
  Table table_;
  std::vector<Rival> rivals_;
  std::vector<PerfModel> models_;
  std::string device_name_;
  std::uint64_t seed_;
  std::map<std::size_t, std::shared_ptr<const engine::Model>> loaded_;
  std::map<std::size_t, std::string> sha256_;
  std::unique_ptr<harness::Subject> engine_;
  std::string engine_key_;
  std::unique_ptr<harness::BandwidthProbe> probe_;
  int probe_threads_ = 0;
};

}  // namespace bh::suites::perf
