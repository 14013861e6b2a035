// A subject in a child process that speaks the worker protocol (harness/io/worker.h): another build of bitharness, or
// the adapter to bitnet.cpp. However the child misbehaves, that is a SubjectError with how it ended and its last words.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/subject.h"
#include "harness/io/child.h"
#include "harness/io/frame.h"

namespace bh::suites {

class WorkerSubject final : public harness::Subject {
 public:
  /// Starts the child and waits for its `hello`. `name` is the row's in the list of subjects. Throws SubjectError.
  WorkerSubject(std::string name, const harness::Command& command, const harness::SubjectSettings& settings);

  harness::SubjectInfo describe() const override;
  std::string why_not(harness::Ability ability) const override;
  std::vector<engine::TokenId> tokenize(std::string_view text, const engine::EncodeOptions& options) override;
  std::string detokenize(std::span<const engine::TokenId> ids) override;
  std::vector<float> logits(std::span<const engine::TokenId> ids) override;
  engine::Generation generate(std::span<const engine::TokenId> prompt, const engine::GenerateOptions& options) override;
  void trace(std::span<const engine::TokenId> ids, const engine::Tap& tap) override;
  harness::Timing time(const harness::TimingRequest& request) override;

 private:
  void ask(const harness::Frame& request);
  harness::Frame answer(std::string_view expected, std::string_view or_else = {});
  harness::Frame next();
  harness::Timing answer_timed();
  std::vector<engine::TokenId> ids_of(const harness::Frame& frame);
  std::vector<float> floats_of(const harness::Frame& frame, std::size_t count);
  void take_hello(const harness::Frame& hello);
  void read_info(const harness::Frame& frame);
  [[noreturn]] void misbehaved(harness::SubjectFault fault, std::string_view what);
  [[noreturn]] void ended(std::string_view during);
  void require(harness::Ability ability) const;

  std::string command_line_;
  std::string mode_;  ///< what logits and trace ask for: batch or single
  std::chrono::milliseconds time_limit_;
  std::function<bool()> cancelled_;
  std::unique_ptr<harness::Child> child_;
  std::unique_ptr<harness::FrameReader> reader_;
  std::chrono::steady_clock::time_point deadline_;
  std::string asked_ = "hello";  ///< what the child is to answer
  harness::SubjectInfo info_;
  std::string abilities_;
  std::optional<harness::SubjectError> dead_;  ///< set once it has misbehaved; every later call throws it again
};

}  // namespace bh::suites
