#include "engine/runtime/perplexity.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/exact_math.h"
#include "engine/runtime/session.h"

namespace bh::engine {
namespace {

constexpr std::size_t kLogitBytes = std::size_t{32} << 20;  // held at a time: 64 rows of a vocabulary of 128256
constexpr std::int32_t kMinContext = 8, kMinRows = 4;
constexpr double kMaxLnPpl = 700;  // what exact_exp takes, and JSON has no infinity

void check(std::span<const TokenId> tokens, const PerplexityOptions& options, std::int32_t n_vocab) {
  if (options.n_ctx < kMinContext)
    fail(ErrorKind::usage, "chunks of {} tokens are too short for perplexity; use {} or more (-c)", options.n_ctx,
         kMinContext);
  if (options.max_chunks == 0 || options.max_chunks < -1)
    fail(ErrorKind::usage, "{} chunks cannot be evaluated; use 1 or more, or -1 for all (--chunks)",
         options.max_chunks);
  const auto needed = 2 * static_cast<std::size_t>(options.n_ctx);
  if (tokens.size() < needed)
    fail(ErrorKind::usage,
         "the text has {} tokens; perplexity over chunks of {} needs {} or more: give a longer text (-f) or shorter "
         "chunks (-c)",
         tokens.size(), options.n_ctx, needed);
  for (const TokenId id : tokens)
    if (id < 0 || id >= n_vocab) fail(ErrorKind::usage, "token id {} is not in the vocabulary of {}", id, n_vocab);
}

/// Rows of one step at most.
std::size_t step_rows(const Backend& backend, Numerics numerics, std::int32_t n_batch) {
  const std::int32_t rows = n_batch == 0 ? backend.max_rows() : std::min(n_batch, backend.max_rows());
  const std::int32_t least = numerics == Numerics::reference_batch ? kMinRows : 1;
  if (rows < least)
    fail(ErrorKind::usage, "steps of {} rows are too short in {}; use {} or more (-b, -ub)", rows, to_string(numerics),
         least);
  return static_cast<std::size_t>(rows);
}

/// Rows of each step: at most `limit`, as even as can be. The reference computes a single row by other rules, so no
/// step has one row only.
std::vector<std::size_t> split_evenly(std::size_t rows, std::size_t limit) {
  const std::size_t steps = (rows + limit - 1) / limit;
  std::vector<std::size_t> sizes(steps, rows / steps);
  for (std::size_t i = 0; i < rows % steps; ++i) ++sizes[i];
  return sizes;
}

/// Scores one chunk after the other and keeps the sums.
class Scorer {
 public:
  Scorer(Backend& backend, Numerics numerics, const PerplexityOptions& options)
      : backend_(backend),
        session_(backend, options.n_ctx, numerics),
        rows_(step_rows(backend, numerics, options.n_batch)) {
    const auto row_bytes = static_cast<std::size_t>(backend.model().config.n_vocab) * sizeof(float);
    logit_rows_ = std::min(rows_, std::max<std::size_t>(kLogitBytes / row_bytes, kMinRows));
  }

  void score(std::span<const TokenId> chunk) {
    session_.rewind(0);
    // The last token's logits would predict the next chunk: nobody asks for them.
    const std::size_t first = chunk.size() / 2, end = chunk.size() - 1;
    std::size_t done = 0;
    for (const std::size_t rows : split_evenly(first, rows_)) {
      step(chunk.subspan(done, rows), Wanted::none);
      done += rows;
    }
    double chunk_nll = 0;
    for (const std::size_t rows : split_evenly(end - first, logit_rows_)) {
      step(chunk.subspan(done, rows), Wanted::all);
      for (std::size_t row = 0; row < rows; ++row) chunk_nll += add(row, done + row, chunk[done + row + 1]);
      done += rows;
    }
    result.chunk_nll.push_back(chunk_nll);
    summarise();
  }

  PerplexityResult result;

 private:
  void step(std::span<const TokenId> tokens, Wanted wanted) {
    const BatchItem item{&session_, tokens, wanted};
    forward(backend_, {&item, 1});
  }

  double add(std::size_t row, std::size_t position, TokenId next) {
    const auto n_vocab = static_cast<std::size_t>(backend_.model().config.n_vocab);
    const double nll = negative_log_likelihood(backend_.logits().subspan(row * n_vocab, n_vocab), next);
    if (!std::isfinite(nll))
      fail(ErrorKind::setup, "the logits at position {} of chunk {} are not finite; the model's weights are damaged",
           position, result.chunk_nll.size());
    sum_ += nll;
    sum_of_squares_ += nll * nll;
    ++result.n_scored;
    return nll;
  }

  void summarise() {
    const auto n = static_cast<double>(result.n_scored);
    result.ln_ppl = sum_ / n;
    if (result.ln_ppl > kMaxLnPpl)
      fail(ErrorKind::setup,
           "the model predicts nothing: after chunk {} ln(perplexity) is {:.1f}, a perplexity beyond e^{}; its weights "
           "are damaged (try inspect)",
           result.chunk_nll.size() - 1, result.ln_ppl, kMaxLnPpl);
    result.ppl = exact_exp(result.ln_ppl);
    const double variance = sum_of_squares_ / n - result.ln_ppl * result.ln_ppl;
    result.ln_ppl_error = variance > 0 ? std::sqrt(variance / (n - 1)) : 0.0;
    result.ppl_error = result.ppl * result.ln_ppl_error;
  }

  Backend& backend_;
  Session session_;
  std::size_t rows_;        ///< of a step at most
  std::size_t logit_rows_;  ///< of a step that computes logits
  double sum_ = 0, sum_of_squares_ = 0;
};

}  // namespace

double negative_log_likelihood(std::span<const float> logits, TokenId token) noexcept {
  const float peak = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) {
    const double below = static_cast<double>(logit - peak);
    if (std::isnan(below)) return below;
    if (below >= -700) sum += exact_exp(below);
  }
  return exact_log(sum) - static_cast<double>(logits[static_cast<std::size_t>(token)] - peak);
}

PerplexityResult perplexity(Backend& backend, Numerics numerics, std::span<const TokenId> tokens,
                            const PerplexityOptions& options, const OnChunk& on_chunk) {
  check(tokens, options, backend.model().config.n_vocab);
  const auto n_ctx = static_cast<std::size_t>(options.n_ctx);
  std::size_t chunks = tokens.size() / n_ctx;
  if (options.max_chunks > 0) chunks = std::min(chunks, static_cast<std::size_t>(options.max_chunks));
  const Vocabulary& vocabulary = backend.model().tokenizer.vocabulary();
  Scorer scorer(backend, numerics, options);
  scorer.result.n_ctx = options.n_ctx;
  scorer.result.n_tokens = static_cast<std::int64_t>(tokens.size());
  for (std::size_t c = 0; c < chunks; ++c) {
    std::vector<TokenId> chunk(tokens.begin() + static_cast<std::ptrdiff_t>(c * n_ctx),
                               tokens.begin() + static_cast<std::ptrdiff_t>((c + 1) * n_ctx));
    if (vocabulary.add_bos && vocabulary.bos != kNoToken) chunk[0] = vocabulary.bos;
    scorer.score(chunk);
    if (on_chunk && !on_chunk(scorer.result, static_cast<std::int64_t>(chunks))) break;
  }
  return std::move(scorer.result);
}

}  // namespace bh::engine
