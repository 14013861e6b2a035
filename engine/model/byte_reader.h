// Reads little-endian values from untrusted bytes: every read is checked by subtraction, so no sum can overflow.
// Used by the GGUF reader.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace bh::engine {

static_assert(std::endian::native == std::endian::little, "model files are read in place: little-endian hosts only");

/// Text of an untrusted file, safe for a message: control and non-ASCII bytes as \xNN, cut after 80 bytes.
inline std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 80)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7e) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return text.size() > 80 ? out + "..." : out;
}

inline bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  std::size_t position() const noexcept { return position_; }
  std::size_t remaining() const noexcept { return bytes_.size() - position_; }

  template <class T>
  T read(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof value, what), sizeof value);
    return value;
  }

  /// A u64 length and so many bytes.
  std::string_view read_string(std::string_view what, std::uint64_t limit) {
    const std::size_t at = position_;
    const auto length = read<std::uint64_t>(what);
    if (length > limit)
      fail(ErrorKind::setup, "{}: {} at byte {} claims {} bytes, more than the {} allowed; the file is damaged", where_,
           what, at, length, limit);
    return {reinterpret_cast<const char*>(take(length, what)), static_cast<std::size_t>(length)};
  }

  const std::byte* take(std::uint64_t length, std::string_view what) {
    if (length > remaining())
      fail(ErrorKind::setup,
           "{}: the file ends inside {} at byte {} ({} bytes needed, {} left); it is truncated or damaged", where_,
           what, position_, length, remaining());
    const std::byte* data = bytes_.data() + position_;
    position_ += static_cast<std::size_t>(length);
    return data;
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& where_;
  std::size_t position_ = 0;
};

}  // namespace bh::engine
