#include "engine/runtime/generate.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "engine/base/error.h"

namespace bh::engine {
namespace {

/// Collects text and finds the first stop text. Holds back an end that could still become one.
class TextStop {
 public:
  explicit TextStop(const std::vector<std::string>& stops) : stops_(stops) {}

  /// Takes new text; returns what is now certain to be shown.
  std::string push(const std::string& text) {
    held_ += text;
    std::size_t first = std::string::npos;
    for (const std::string& stop : stops_) {
      const std::size_t at = stop.empty() ? std::string::npos : held_.find(stop);
      if (at < first) {
        first = at;
        found_ = stop;
      }
    }
    return release(first != std::string::npos ? first : held_.size() - longest_possible_start());
  }
  std::string finish() { return release(held_.size()); }
  const std::string& found() const noexcept { return found_; }

 private:
  std::size_t longest_possible_start() const {
    std::size_t longest = 0;
    for (const std::string& stop : stops_) {
      for (std::size_t n = std::min(stop.size(), held_.size()); n > longest; --n) {
        if (held_.compare(held_.size() - n, n, stop, 0, n) == 0) longest = n;
      }
    }
    return longest;
  }
  std::string release(std::size_t count) {
    std::string shown = held_.substr(0, count);
    held_.erase(0, count);
    return shown;
  }

  const std::vector<std::string>& stops_;
  std::string held_;
  std::string found_;
};

/// One generation in progress: takes logits rows, and says which tokens the next step should evaluate.
class Progress {
 public:
  Progress(Session& session, std::span<const TokenId> prompt, const GenerateOptions& options, const OnText& on_text,
           bool alone)
      : session_(session),
        options_(options),
        on_text_(on_text),
        tokenizer_(session.backend().model().tokenizer),
        sampler_(options.sampling),
        stop_(options.stop_texts),
        drafter_(alone && !is_reference(session.numerics()) ? options.drafter : nullptr) {
    for (const TokenId token : prompt) sampler_.accept(token);
    if (drafter_ != nullptr) past_.assign(prompt.begin(), prompt.end());
    ended_ = options.max_tokens == 0;
  }

  Session& session() noexcept { return session_; }
  bool ended() const noexcept { return ended_; }
  std::int32_t deciding() const noexcept { return sampler_.deciding(); }
  std::size_t rows() const noexcept { return 1 + guess_.size(); }

  void prefilled(std::int64_t nanoseconds) {
    result_.prefill_ns = nanoseconds;
    if (!ended_) sample_rows(0, deciding());
  }

  /// The last token, and as many guesses as pay, as the step and the context hold, and as may still be wanted.
  std::span<const TokenId> next_batch() {
    batch_.assign(1, result_.ids.back());
    guess();
    batch_.insert(batch_.end(), guess_.begin(), guess_.end());
    return batch_;
  }

  /// After a step that kept the `best` best (0 = all) logits of each of next_batch() from `first_row` on.
  void stepped(std::int64_t first_row, std::int32_t best, std::int64_t nanoseconds) {
    result_.step_ns.push_back(nanoseconds);
    result_.decode_ns += nanoseconds;
    if (guess_.empty()) length_.plain_step(nanoseconds);
    sample_rows(first_row, best);
  }

  Generation finish() {
    if (result_.stop_reason != StopReason::stop_text && result_.stop_reason != StopReason::cancelled) {
      show(stop_.push(utf8_.finish()));
      show(stop_.finish());
    }
    return std::move(result_);
  }

 private:
  void end(StopReason reason, std::string detail = {}) {
    ended_ = true;
    result_.stop_reason = reason;
    result_.stop_detail = std::move(detail);
  }

  void show(const std::string& text) {
    result_.text += text;
    if (!text.empty() && on_text_ && !on_text_(text)) cancelled_ = true;
  }

  TokenId sample(std::int64_t row, std::int32_t best) {
    Backend& backend = session_.backend();
    if (best > 0) {
      const std::span<const Candidate> found = backend.best(row);
      return sampler_.sample(found.first(std::min(found.size(), static_cast<std::size_t>(deciding()))));
    }
    const auto n_vocab = static_cast<std::size_t>(backend.model().config.n_vocab);
    return sampler_.sample(backend.logits().subspan(static_cast<std::size_t>(row) * n_vocab, n_vocab));
  }

  void take(TokenId token) {
    result_.ids.push_back(token);
    if (drafter_ != nullptr) past_.push_back(token);
    if (!options_.ignore_eog && tokenizer_.is_eog(token)) return end(StopReason::eog, tokenizer_.piece(token, true));
    show(stop_.push(utf8_.push(tokenizer_.piece(token))));
    if (!stop_.found().empty()) return end(StopReason::stop_text, stop_.found());
    if (cancelled_) return end(StopReason::cancelled);
    if (options_.max_tokens > 0 && static_cast<std::int64_t>(result_.ids.size()) >= options_.max_tokens) {
      end(StopReason::max_tokens);
    }
  }

  /// Samples from the first row, then from each whose guess was what the row before it gave. Forgets the guesses after
  /// that.
  void sample_rows(std::int64_t row, std::int32_t best) {
    std::size_t held = 0;
    for (;; ++held) {
      const TokenId token = sample(row + static_cast<std::int64_t>(held), best);
      take(token);
      if (ended_ || held == guess_.size() || token != guess_[held]) break;
    }
    session_.rewind(session_.n_past() - static_cast<std::int32_t>(guess_.size() - held));
    result_.accepted += static_cast<std::int64_t>(held);
    if (ended_) return;
    if (!guess_.empty()) {
      length_.verified(static_cast<std::int32_t>(guess_.size()), static_cast<std::int32_t>(held),
                       result_.step_ns.back());
    }
    if (session_.n_past() == session_.n_ctx()) end(StopReason::context_full);
  }

  void guess() {
    guess_.clear();
    if (drafter_ == nullptr) return;
    std::int32_t most =
        std::min({length_.next(), session_.n_ctx() - session_.n_past() - 1, session_.backend().max_rows() - 1});
    if (options_.n_batch > 0) most = std::min(most, options_.n_batch - 1);
    if (options_.max_tokens > 0) {
      most = std::min(most, options_.max_tokens - static_cast<std::int32_t>(result_.ids.size()) - 1);
    }
    if (most < 1) return;
    const std::int32_t n_vocab = session_.backend().model().config.n_vocab;
    for (const TokenId token : drafter_->draft(past_, most)) {
      if (guess_.size() == static_cast<std::size_t>(most) || token < 0 || token >= n_vocab) break;
      guess_.push_back(token);
    }
    result_.drafted += static_cast<std::int64_t>(guess_.size());
  }

  Session& session_;
  const GenerateOptions& options_;
  const OnText& on_text_;
  const Tokenizer& tokenizer_;
  Sampler sampler_;
  TextStop stop_;
  Utf8Stream utf8_;
  Drafter* drafter_;
  DraftLength length_;
  std::vector<TokenId> past_;   ///< prompt and ids, for the drafter
  std::vector<TokenId> guess_;  ///< verified by the last step
  std::vector<TokenId> batch_;
  Generation result_;
  bool ended_ = false, cancelled_ = false;
};

/// The logits that a step has to keep for all of these: the most that decide for one of them, or all.
std::int32_t best_for(std::span<Progress* const> active) {
  std::int32_t best = 1;
  for (const Progress* each : active) {
    if (each->deciding() == 0) return 0;
    best = std::max(best, each->deciding());
  }
  return best;
}

/// One step of all that have not ended.
void step_together(Backend& backend, std::span<Progress* const> active, const Clock& clock) {
  std::vector<BatchItem> items;
  for (Progress* each : active) items.push_back({&each->session(), each->next_batch(), Wanted::all});
  const std::int32_t best = best_for(active);
  const std::int64_t start = clock();
  forward(backend, items, best);
  const std::int64_t nanoseconds = clock() - start;
  std::int64_t row = 0;
  for (Progress* each : active) {
    const auto rows = static_cast<std::int64_t>(each->rows());
    each->stepped(row, best, nanoseconds);
    row += rows;
  }
}

}  // namespace

std::string_view to_string(StopReason reason) noexcept {
  switch (reason) {
    case StopReason::eog:
      return "eog";
    case StopReason::stop_text:
      return "stop_text";
    case StopReason::max_tokens:
      return "max_tokens";
    case StopReason::context_full:
      return "context_full";
    case StopReason::cancelled:
      return "cancelled";
  }
  return "unknown";
}

Clock steady_clock() {
  return [] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::int64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  };
}

Generation generate(Session& session, std::span<const TokenId> prompt, const GenerateOptions& options,
                    const OnText& on_text, const Clock& clock) {
  const Sequence sequence{&session, prompt, options, on_text};
  return std::move(generate_together({&sequence, 1}, clock).front());
}

std::vector<Generation> generate_together(std::span<const Sequence> sequences, const Clock& clock) {
  std::vector<Generation> results;
  if (sequences.empty()) return results;
  Backend& backend = sequences.front().session->backend();
  if (sequences.size() > static_cast<std::size_t>(backend.max_rows())) {
    fail(ErrorKind::usage, "{} sequences are more than a step of {} rows takes; raise it (-ub)", sequences.size(),
         backend.max_rows());
  }
  std::deque<Progress> all;
  for (const Sequence& each : sequences) {
    BH_ASSERT(&each.session->backend() == &backend);
    BH_ASSERT(sequences.size() == 1 || !is_reference(each.session->numerics()));
    Progress& progress =
        all.emplace_back(*each.session, each.prompt, each.options, each.on_text, sequences.size() == 1);
    const std::int64_t start = clock();
    if (progress.deciding() > 0) {
      each.session->eval_best(each.prompt, progress.deciding(), each.options.n_batch);
    } else {
      each.session->eval(each.prompt, each.options.n_batch);
    }
    progress.prefilled(clock() - start);
  }
  for (;;) {
    std::vector<Progress*> active;
    for (Progress& each : all) {
      if (!each.ended()) active.push_back(&each);
    }
    if (active.empty()) break;
    step_together(backend, active, clock);
  }
  for (Progress& each : all) results.push_back(each.finish());
  return results;
}

}  // namespace bh::engine
