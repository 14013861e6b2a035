// A subject without a model: bytes are tokens and the answer is the prompt again. It tests the harness and says so in
// every output; nothing it does is evidence about a model.
#pragma once

#include <memory>

#include "harness/core/subject.h"

namespace bh::suites {

class MockSubject final : public harness::Subject {
 public:
  static constexpr engine::TokenId kEnd = 256;  ///< ends a generation
  static constexpr std::int32_t kVocabulary = 257;

  explicit MockSubject(const harness::SubjectSettings& settings);

  harness::SubjectInfo describe() const override;
  std::vector<engine::TokenId> tokenize(std::string_view text, const engine::EncodeOptions& options) override;
  std::string detokenize(std::span<const engine::TokenId> ids) override;
  /// Row i favours the token after position i of the endlessly repeated sequence.
  std::vector<float> logits(std::span<const engine::TokenId> ids) override;
  engine::Generation generate(std::span<const engine::TokenId> prompt, const engine::GenerateOptions& options) override;
  void trace(std::span<const engine::TokenId> ids, const engine::Tap& tap) override;
  harness::Timing time(const harness::TimingRequest& request) override;

 private:
  std::int32_t n_ctx_;
  std::uint64_t rows_ = 0;
};

std::unique_ptr<harness::Subject> open_mock_subject(const harness::SubjectSettings& settings);

}  // namespace bh::suites
