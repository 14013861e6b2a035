// Lossless speculation: guessed tokens are evaluated together with the last one, in one step that reads the weights
// once, and kept as far as they are what sampling chooses. A row's logits have the same bits in any step (one answer),
// so the tokens are those of plain decoding; only the time differs. generate.h runs it.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "engine/model/tokenizer.h"

namespace bh::engine {

/// Guesses how a sequence goes on.
class Drafter {
 public:
  virtual ~Drafter() = default;
  /// At most `count` tokens that may follow `past`, the whole sequence so far; none where nothing is worth a guess.
  virtual std::vector<TokenId> draft(std::span<const TokenId> past, std::int32_t count) = 0;
};

/// Prompt lookup: what followed the last occurrence of the longest n-gram that ends the sequence (A. Saxena, "Prompt
/// Lookup Decoding", 2023). Needs no model; good at text that repeats itself or its prompt.
class NgramDrafter final : public Drafter {
 public:
  std::vector<TokenId> draft(std::span<const TokenId> past, std::int32_t count) override;

 private:
  static constexpr std::size_t kLeast = 3, kMost = 8;  ///< tokens that must match, and beyond which none are compared
};

/// For measurements and tests: knows how the text goes on after `n_prompt` tokens, and makes each guess right with
/// probability `rate`, else another token.
class ScriptedDrafter final : public Drafter {
 public:
  ScriptedDrafter(std::vector<TokenId> text, std::size_t n_prompt, double rate, std::int32_t n_vocab,
                  std::uint32_t seed);
  std::vector<TokenId> draft(std::span<const TokenId> past, std::int32_t count) override;

 private:
  std::vector<TokenId> text_;
  std::size_t n_prompt_;
  double rate_;
  std::int32_t n_vocab_;
  std::mt19937 random_;
};

/// How many tokens the next step should guess, from what steps have cost and how often guesses held so far: as many as
/// make the expected tokens per second largest, and none where plain decoding is faster. Then it tries again, ever more
/// rarely, whether that has changed. (The expectation is that of Leviathan et al., "Fast Inference from Transformers
/// via Speculative Decoding", 2023, section 3.)
class DraftLength {
 public:
  static constexpr std::int32_t kMost = 15;  ///< with the last token sixteen rows: a tile of AMX

  std::int32_t next() const noexcept;
  void plain_step(std::int64_t nanoseconds) noexcept;
  void verified(std::int32_t drafted, std::int32_t accepted, std::int64_t nanoseconds) noexcept;

 private:
  std::int32_t best_length() const noexcept;
  double cost(std::int32_t length) const noexcept;
  void forget_single_looks() noexcept;
  void pause_where_nothing_pays() noexcept;

  bool warm_ = false;                       ///< the first step's time says little
  double plain_ns_ = 0;                     ///< of a step without guesses
  std::array<double, kMost + 1> costs_{1};  ///< of a step with so many guesses, in plain ones; 0 = none was taken yet
  std::array<std::int32_t, kMost + 1> looks_{};  ///< steps that each cost stands for
  double held_ = 1, missed_ = 1;                 ///< guesses, recent ones counting most
  std::int32_t since_plain_ = 0;                 ///< steps that verified guesses
  std::int32_t plain_every_ = 2;  ///< as many may follow each other: soon a second look at what a plain step takes
  std::int32_t pause_ = 0;        ///< plain steps between two tries while guessing does not pay
  std::int32_t waited_ = 0;
};

}  // namespace bh::engine
