#include "engine/runtime/generate.h"

#include <algorithm>
#include <chrono>

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
  const Tokenizer& tokenizer = session.backend().model().tokenizer;
  Sampler sampler(options.sampling);
  for (const TokenId token : prompt) sampler.accept(token);

  Generation result;
  Utf8Stream utf8;
  TextStop stop(options.stop_texts);
  bool cancelled = false;
  const auto show = [&](const std::string& text) {
    result.text += text;
    if (!text.empty() && on_text && !on_text(text)) cancelled = true;
  };

  const std::int32_t deciding = sampler.deciding();
  std::span<const float> logits;
  std::span<const Candidate> best;  // where a few logits decide
  const auto evaluate = [&](std::span<const TokenId> tokens) {
    const std::int64_t start = clock();
    if (deciding > 0) {
      best = session.eval_best(tokens, deciding, options.n_batch);
    } else {
      logits = session.eval(tokens, options.n_batch);
    }
    return clock() - start;
  };

  result.prefill_ns = evaluate(prompt);
  while (options.max_tokens != 0) {
    const TokenId token = deciding > 0 ? sampler.sample(best) : sampler.sample(logits);
    result.ids.push_back(token);
    if (!options.ignore_eog && tokenizer.is_eog(token)) {
      result.stop_reason = StopReason::eog;
      result.stop_detail = tokenizer.piece(token, true);
      break;
    }
    show(stop.push(utf8.push(tokenizer.piece(token))));
    if (!stop.found().empty()) {
      result.stop_reason = StopReason::stop_text;
      result.stop_detail = stop.found();
      return result;
    }
    if (cancelled) {
      result.stop_reason = StopReason::cancelled;
      return result;
    }
    if (options.max_tokens > 0 && static_cast<std::int64_t>(result.ids.size()) >= options.max_tokens) break;
    if (session.n_past() == session.n_ctx()) {
      result.stop_reason = StopReason::context_full;
      break;
    }
    result.step_ns.push_back(evaluate({&token, 1}));
    result.decode_ns += result.step_ns.back();
  }
  show(stop.push(utf8.finish()));
  show(stop.finish());
  return result;
}

}  // namespace bh::engine
