// Our engine as a subject. Suites that need more than a subject offers (taps, several sessions) reach backend().
#pragma once

#include <memory>

#include "harness/core/subject.h"

namespace bh::suites {

class EngineSubject final : public harness::Subject {
 public:
  /// Loads settings.model onto settings.device. Throws Error.
  explicit EngineSubject(const harness::SubjectSettings& settings);

  harness::SubjectInfo describe() const override;
  std::vector<engine::TokenId> tokenize(std::string_view text, const engine::EncodeOptions& options) override;
  std::string detokenize(std::span<const engine::TokenId> ids) override;
  std::vector<float> logits(std::span<const engine::TokenId> ids) override;
  engine::Generation generate(std::span<const engine::TokenId> prompt, const engine::GenerateOptions& options) override;
  void trace(std::span<const engine::TokenId> ids, const engine::Tap& tap) override;
  harness::Timing time(const harness::TimingRequest& request) override;

  const engine::Model& model() const noexcept { return *model_; }
  engine::Backend& backend() noexcept { return *backend_; }

 private:
  void start_over();

  std::shared_ptr<const engine::Model> model_;
  std::unique_ptr<engine::Backend> backend_;
  engine::Session session_;
  std::vector<engine::TokenId> timed_prompt_;  ///< what the session holds from time(); empty = something else
};

std::unique_ptr<harness::Subject> open_engine_subject(const harness::SubjectSettings& settings);

}  // namespace bh::suites
