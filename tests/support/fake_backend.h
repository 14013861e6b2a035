// A backend whose logits are a function of the tokens so far, and which records every step: for tests of what drives a
// model. Its model is a made one; only the tokenizer and the sizes are used.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/base/error.h"

namespace bh::test {

class FakeBackend final : public engine::Backend {
 public:
  using TokenId = engine::TokenId;
  /// Logits [n_vocab] after these tokens of a sequence.
  using Script = std::function<std::vector<float>(std::span<const TokenId> past)>;
  struct Step {
    std::vector<TokenId> tokens;
    std::vector<std::int32_t> positions;
    std::vector<bool> wants_logits;
  };

  FakeBackend(std::shared_ptr<const engine::Model> model, Script script, std::int32_t max_rows = 512)
      : model_(std::move(model)), script_(std::move(script)), max_rows_(max_rows) {}

  std::vector<Step> steps;

  /// All the weight on one token.
  static std::vector<float> one_hot(std::int32_t n_vocab, TokenId token) {
    std::vector<float> logits(static_cast<std::size_t>(n_vocab), 0.0f);
    logits[static_cast<std::size_t>(token)] = 100.0f;
    return logits;
  }

  const engine::Model& model() const noexcept override { return *model_; }
  std::string describe() const override { return "fake"; }
  std::int32_t max_rows() const noexcept override { return max_rows_; }
  std::size_t weight_bytes() const noexcept override { return 0; }
  std::size_t greedy_step_bytes() const noexcept override { return 0; }
  std::unique_ptr<engine::KvCache> make_cache(std::int32_t n_ctx, engine::Numerics) override {
    auto cache = std::make_unique<Cache>();
    cache->tokens.resize(static_cast<std::size_t>(n_ctx));
    return cache;
  }

  void begin(std::span<const engine::StepRow> rows) override {
    BH_ASSERT(!rows.empty() && rows.size() <= static_cast<std::size_t>(max_rows_));
    Step step;
    logits_.clear();
    best_.clear();
    for (const engine::StepRow& row : rows) {
      auto& tokens = static_cast<Cache*>(row.cache)->tokens;
      const auto position = static_cast<std::size_t>(row.position);
      tokens.at(position) = row.token;
      step.tokens.push_back(row.token);
      step.positions.push_back(row.position);
      step.wants_logits.push_back(row.wants_logits);
      if (!row.wants_logits) continue;
      const std::vector<float> values = script_(std::span(tokens).first(position + 1));
      logits_.insert(logits_.end(), values.begin(), values.end());
    }
    steps.push_back(std::move(step));
  }
  void embed() override {}
  void qkv(int) override {}
  void attend(int) override {}
  void keep_logit_rows() override {}
  void attn_output(int) override {}
  void ffn_gate_up(int) override {}
  void ffn_down(int) override {}
  void head() override {}
  std::span<const float> logits() override { return logits_; }
  void head_best(std::int32_t count) override {
    const auto n_vocab = static_cast<std::size_t>(model_->config.n_vocab);
    for (std::size_t at = 0; at < logits_.size(); at += n_vocab) {
      best_.push_back(engine::best_of(std::span(logits_).subspan(at, n_vocab), count));
    }
  }
  std::span<const engine::Candidate> best(std::int64_t row) override { return best_.at(static_cast<std::size_t>(row)); }
  void set_tap(engine::Tap) override {}
  void set_patch(engine::Patch) override {}
  std::vector<engine::KernelCount> kernel_counts() const override { return {}; }
  void reset_kernel_counts() noexcept override {}

 private:
  struct Cache final : engine::KvCache {
    std::vector<TokenId> tokens;
    std::int32_t n_ctx() const noexcept override { return static_cast<std::int32_t>(tokens.size()); }
    std::size_t bytes() const noexcept override { return tokens.size() * sizeof(TokenId); }
    std::size_t bytes_per_position() const noexcept override { return sizeof(TokenId); }
  };

  std::shared_ptr<const engine::Model> model_;
  Script script_;
  std::int32_t max_rows_;
  std::vector<float> logits_;
  std::vector<std::vector<engine::Candidate>> best_;
};

}  // namespace bh::test
