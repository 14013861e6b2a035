#include "tests/fuzz/readers.h"

#include <algorithm>
#include <string_view>

namespace bh::fuzz {

void expect_presentable(const Error& error) {
  const std::string_view message = error.what();
  expect(!message.empty(), "a refusal says why");
  expect(message.size() < 10'000, "a refusal is one line, not " + std::to_string(message.size()) + " bytes");
  const bool clean = std::none_of(message.begin(), message.end(),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  expect(clean, "a refusal holds no control bytes");
}

}  // namespace bh::fuzz
