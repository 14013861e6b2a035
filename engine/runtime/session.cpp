#include "engine/runtime/session.h"

#include <algorithm>
#include <numeric>

#include "engine/base/error.h"

namespace bh::engine {

Session::Session(Backend& backend, std::int32_t n_ctx, Numerics numerics) : backend_(&backend), numerics_(numerics) {
  constexpr std::int32_t kMaxContext = 1 << 20;
  const std::int32_t wanted = n_ctx == 0 ? backend.model().config.n_ctx : n_ctx;
  if (wanted < 1 || wanted > kMaxContext) {
    fail(ErrorKind::usage, "a context of {} tokens is out of range; use 1 to {} (-c)", wanted, kMaxContext);
  }
  cache_ = backend.make_cache(wanted, numerics);
}

void Session::rewind(std::int32_t n_past) {
  BH_ASSERT(n_past >= 0 && n_past <= n_past_);
  n_past_ = n_past;
}

void Session::check(std::span<const TokenId> tokens) const {
  if (tokens.empty()) fail(ErrorKind::usage, "there is nothing to evaluate: the prompt has no tokens");
  if (tokens.size() > static_cast<std::size_t>(n_ctx() - n_past_)) {
    fail(ErrorKind::usage, "{} tokens after {} do not fit the context of {}; shorten the prompt or raise it (-c)",
         tokens.size(), n_past_, n_ctx());
  }
  const std::int32_t n_vocab = backend_->model().config.n_vocab;
  for (const TokenId id : tokens) {
    if (id < 0 || id >= n_vocab) fail(ErrorKind::usage, "token id {} is not in the vocabulary of {}", id, n_vocab);
  }
}

void Session::evaluate_last(std::span<const TokenId> tokens, std::int32_t n_batch, std::int32_t best) {
  check(tokens);
  const auto step =
      static_cast<std::size_t>(n_batch > 0 ? std::min(n_batch, backend_->max_rows()) : backend_->max_rows());
  std::size_t done = 0;
  while (tokens.size() - done > step) {
    evaluate_step(tokens.subspan(done, step), Wanted::none);
    done += step;
  }
  evaluate_step(tokens.subspan(done), Wanted::last, best);
}

std::span<const float> Session::eval(std::span<const TokenId> tokens, std::int32_t n_batch) {
  evaluate_last(tokens, n_batch, 0);
  return backend_->logits();
}

std::span<const Candidate> Session::eval_best(std::span<const TokenId> tokens, std::int32_t count,
                                              std::int32_t n_batch) {
  if (count < 1) fail(ErrorKind::usage, "the {} best tokens were asked for; there is at least one", count);
  evaluate_last(tokens, n_batch, count);
  return backend_->best(0);
}

std::vector<float> Session::eval_all(std::span<const TokenId> tokens, std::int32_t n_batch) {
  check(tokens);
  const auto step =
      static_cast<std::size_t>(n_batch > 0 ? std::min(n_batch, backend_->max_rows()) : backend_->max_rows());
  std::vector<float> all;
  for (std::size_t done = 0; done < tokens.size(); done += step) {
    evaluate_step(tokens.subspan(done, std::min(step, tokens.size() - done)), Wanted::all);
    const std::span<const float> logits = backend_->logits();
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

void Session::evaluate_step(std::span<const TokenId> tokens, Wanted wanted, std::int32_t best) {
  const BatchItem item{this, tokens, wanted};
  forward(*backend_, {&item, 1}, best);
}

void forward(Backend& backend, std::span<const BatchItem> items, std::int32_t best) {
  std::vector<StepRow> rows;
  for (const BatchItem& item : items) {
    for (std::size_t i = 0; i < item.tokens.size(); ++i) {
      const bool last = i + 1 == item.tokens.size();
      const bool wants = item.wanted == Wanted::all || (item.wanted == Wanted::last && last);
      rows.push_back(
          {item.session->cache_.get(), item.tokens[i], item.session->n_past_ + static_cast<std::int32_t>(i), wants});
    }
  }
  const std::int32_t n_layer = backend.model().config.n_layer;
  backend.begin(rows);
  backend.embed();
  for (std::int32_t layer = 0; layer < n_layer; ++layer) {
    backend.qkv(layer);
    backend.attend(layer);
    if (layer + 1 == n_layer) backend.keep_logit_rows();
    backend.attn_output(layer);
    backend.ffn_gate_up(layer);
    backend.ffn_down(layer);
  }
  if (best > 0) {
    backend.head_best(best);
  } else {
    backend.head();
  }
  for (const BatchItem& item : items) item.session->n_past_ += static_cast<std::int32_t>(item.tokens.size());
}

}  // namespace bh::engine
