// The functions behind the list of targets, and what they share. Each is in the file of its name (gguf_target.cpp).
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "engine/base/error.h"
#include "engine/model/tokenizer.h"

namespace bh::fuzz {

void run_gguf(std::span<const std::byte> bytes);
void run_safetensors(std::span<const std::byte> bytes);
void run_json(std::span<const std::byte> bytes);
void run_tokenizer(std::span<const std::byte> bytes);
void run_tokenizer_json(std::span<const std::byte> bytes);
void run_tiktoken(std::span<const std::byte> bytes);
void run_gguf_model(std::span<const std::byte> bytes);
void run_hf_model(std::span<const std::byte> bytes);

/// Encodes and decodes a few texts, the tokenizer's own tokens among them: one that was accepted must take any text.
void exercise(const engine::Tokenizer& tokenizer);

/// A promise of a reader that did not hold.
class Finding : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

inline void expect(bool holds, const std::string& promise) {
  if (!holds) throw Finding("broken promise: " + promise);
}

/// Throws Finding unless a refusal can be shown to a user: one line without control bytes, of bounded length.
void expect_presentable(const Error& error);

/// Runs `read`; false where it refused the input. An error of another kind than setup passes through: hostile bytes are
/// never a bug of the caller's.
template <class Read>
bool accepts(Read&& read) {
  try {
    std::forward<Read>(read)();
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::setup) throw;
    expect_presentable(error);
    return false;
  }
}

}  // namespace bh::fuzz
