// Builds GGUF bytes field by field, so that tests can make files no writer would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bh::test {

template <class T>
std::string le(T value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

inline std::string gguf_string(std::string_view text) { return le(std::uint64_t{text.size()}) + std::string(text); }

struct RawGguf {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::vector<std::string> keys;     ///< serialised
  std::vector<std::string> tensors;  ///< serialised descriptions
  std::string data;
  std::optional<std::uint64_t> n_keys, n_tensors;  ///< claimed instead of the truth
  std::size_t alignment = 32;

  void key(std::string_view name, std::uint32_t type, const std::string& value) {
    keys.push_back(gguf_string(name) + le(type) + value);
  }
  void tensor(std::string_view name, const std::vector<std::uint64_t>& ne, std::uint32_t type, std::uint64_t offset) {
    std::string info = gguf_string(name) + le(static_cast<std::uint32_t>(ne.size()));
    for (const std::uint64_t extent : ne) info += le(extent);
    tensors.push_back(info + le(type) + le(offset));
  }

  std::string header() const {
    std::string out = magic + le(version) + le(n_tensors.value_or(tensors.size())) + le(n_keys.value_or(keys.size()));
    for (const std::string& key : keys) out += key;
    for (const std::string& tensor : tensors) out += tensor;
    return out;
  }
  std::string bytes() const {
    std::string out = header();
    if (alignment != 0) out.append((alignment - out.size() % alignment) % alignment, '\0');
    return out + data;
  }
};

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace bh::test
