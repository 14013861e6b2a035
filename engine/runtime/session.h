// One sequence on one backend: its KV cache and position. Several sessions may share a backend and a step.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/backend.h"

namespace bh::engine {

enum class Wanted { none, last, all };  ///< whose logits a step computes
struct BatchItem;

class Session {
 public:
  /// `n_ctx` 0 = the model's own context. The backend must outlive the session. Throws Error(setup) on no memory.
  explicit Session(Backend& backend, std::int32_t n_ctx = 0, Numerics numerics = Numerics::one_answer);

  Backend& backend() noexcept { return *backend_; }
  Numerics numerics() const noexcept { return numerics_; }
  std::int32_t n_ctx() const noexcept { return cache_->n_ctx(); }
  std::int32_t n_past() const noexcept { return n_past_; }
  std::size_t kv_bytes_per_position() const noexcept { return cache_->bytes_per_position(); }
  std::size_t kv_bytes() const noexcept { return cache_->bytes(); }

  /// Forgets everything after the first `n_past` tokens.
  void rewind(std::int32_t n_past);

  /// Evaluates `tokens` after what is already there, in steps of at most `n_batch` rows (0 = as many as the backend
  /// takes). Returns logits of the last token [n_vocab], valid until the backend's next step.
  /// Throws Error(usage) where the context is too small or an id is not in the vocabulary.
  std::span<const float> eval(std::span<const TokenId> tokens, std::int32_t n_batch = 0);

  /// The same, returning only the `count` best of the last token in rank order, which a large LM head gives faster.
  /// Valid until the backend's next step; empty where every logit is NaN.
  std::span<const Candidate> eval_best(std::span<const TokenId> tokens, std::int32_t count, std::int32_t n_batch = 0);

  /// The same, returning the logits of every token [tokens.size(), n_vocab].
  std::vector<float> eval_all(std::span<const TokenId> tokens, std::int32_t n_batch = 0);

 private:
  friend void forward(Backend& backend, std::span<const BatchItem> items, std::int32_t best);

  void check(std::span<const TokenId> tokens) const;
  void evaluate_last(std::span<const TokenId> tokens, std::int32_t n_batch, std::int32_t best);
  void evaluate_step(std::span<const TokenId> tokens, Wanted wanted, std::int32_t best = 0);

  Backend* backend_;
  Numerics numerics_;
  std::unique_ptr<KvCache> cache_;
  std::int32_t n_past_ = 0;
};

/// One sequence's share of a step.
struct BatchItem {
  Session* session = nullptr;
  std::span<const TokenId> tokens;
  Wanted wanted = Wanted::last;
};

/// The forward pass: one step over several sessions. Logits come in the order of items and tokens, from
/// backend.logits(), or with best > 0 only that many of each row from backend.best(). The sum of tokens must lie in
/// 1 .. backend.max_rows(). Advances each session.
void forward(Backend& backend, std::span<const BatchItem> items, std::int32_t best = 0);

}  // namespace bh::engine
