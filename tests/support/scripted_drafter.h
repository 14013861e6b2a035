// A drafter that knows how the text goes on and is right as often as a test wants.
#pragma once

#include <random>
#include <utility>
#include <vector>

#include "engine/runtime/speculation.h"

namespace bh::test {

class ScriptedDrafter final : public engine::Drafter {
 public:
  using TokenId = engine::TokenId;

  /// `text` goes on after `n_prompt` tokens; each guess is right with probability `rate`, else it is another token.
  ScriptedDrafter(std::vector<TokenId> text, std::size_t n_prompt, double rate, std::int32_t n_vocab)
      : text_(std::move(text)), n_prompt_(n_prompt), rate_(rate), n_vocab_(n_vocab) {}

  std::vector<TokenId> draft(std::span<const TokenId> past, std::int32_t count) override {
    std::vector<TokenId> guess;
    for (std::size_t at = past.size() - n_prompt_; guess.size() < static_cast<std::size_t>(count); ++at) {
      const TokenId right = at < text_.size() ? text_[at] : 0;
      const bool holds = static_cast<double>(random_()) * 0x1p-32 < rate_;
      guess.push_back(holds ? right : (right + 1) % n_vocab_);
    }
    return guess;
  }

 private:
  std::vector<TokenId> text_;
  std::size_t n_prompt_;
  double rate_;
  std::int32_t n_vocab_;
  std::mt19937 random_{7};
};

}  // namespace bh::test
