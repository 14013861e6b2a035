// The worker protocol's frames (bitharness.worker/1): one line of text, then bytes. Both ends use this file: a child
// that computes, and the parent that asks. It needs nothing but the standard library, so that an adapter to another
// engine can be built with these two files alone. What is said in them stands in harness/io/worker.h.
//
//   logits 512 mode=batch\n<512 bytes>        name, payload bytes, then key=value words; in values every byte outside
//                                             '!'..'~', and '%' itself, stands as %XX
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bh::harness {

/// A stream that does not speak the protocol, or ends in the middle of a frame. A frame's own text never reaches a
/// terminal unescaped: what() shows unprintable bytes as \xNN.
struct FrameError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Frame {
  std::string name;                           ///< [a-z_]+, at most 32 bytes
  std::map<std::string, std::string> values;  ///< keys [a-z0-9_.]+; values decoded
  std::string payload;

  /// The value of a key, or `otherwise`.
  std::string text(std::string_view key, std::string_view otherwise = {}) const;
  /// Throws FrameError where the value is there but no integer.
  std::int64_t integer(std::string_view key, std::int64_t otherwise = 0) const;
};

inline constexpr std::size_t kFrameLineBytes = 64 * 1024;
inline constexpr std::uint64_t kFramePayloadBytes = std::uint64_t{1} << 30;

/// Fills up to `size` bytes, returns how many; 0 = the stream ended.
using ReadBytes = std::function<std::size_t(char* data, std::size_t size)>;
/// Writes all of it, or throws.
using WriteBytes = std::function<void(std::string_view bytes)>;

void write_frame(const Frame& frame, const WriteBytes& write);

class FrameReader {
 public:
  explicit FrameReader(ReadBytes read) : read_(std::move(read)) {}

  /// False where the stream ended between frames. Throws FrameError on anything else than a frame within the limits.
  bool next(Frame& frame);

 private:
  bool read_line(std::string& line);
  bool fill();

  ReadBytes read_;
  std::string buffer_;
  std::size_t begin_ = 0;  ///< what was read and not yet used starts here
};

}  // namespace bh::harness
