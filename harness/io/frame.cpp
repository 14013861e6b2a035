#include "harness/io/frame.h"

#include <algorithm>
#include <charconv>

namespace bh::harness {

namespace {

constexpr std::size_t kChunk = 64 * 1024;
constexpr char kHex[] = "0123456789ABCDEF";

bool is_plain(char c) noexcept { return c > ' ' && c <= '~' && c != '%'; }

std::string encode(std::string_view value) {
  std::string text;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_plain(c)) {
      text += c;
    } else {
      text += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return text;
}

int hex_digit(char c) noexcept {
  const char* const at = std::find(kHex, kHex + 16, c);
  return at == kHex + 16 ? -1 : static_cast<int>(at - kHex);
}

/// The start of a line that is no frame, safe to show.
std::string excerpt(std::string_view line) {
  constexpr std::size_t kMost = 60;
  std::string text;
  for (const char c : line.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte <= '~') {
      text += c;
    } else {
      text += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return line.size() > kMost ? text + "..." : text;
}

[[noreturn]] void refuse(const std::string& what, std::string_view line) {
  throw FrameError(what + ": '" + excerpt(line) + "'");
}

std::string decode(std::string_view word, std::string_view line) {
  std::string text;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') {
      if (!is_plain(word[i])) refuse("a value holds a byte that must be escaped", line);
      text += word[i];
      continue;
    }
    const int high = i + 2 < word.size() ? hex_digit(word[i + 1]) : -1;
    const int low = i + 2 < word.size() ? hex_digit(word[i + 2]) : -1;
    if (high < 0 || low < 0) refuse("a value holds a % without two hexadecimal digits", line);
    text += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return text;
}

bool is_name(std::string_view word, std::string_view also) noexcept {
  return !word.empty() && word.size() <= 64 && std::all_of(word.begin(), word.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || c == '_' || also.find(c) != std::string_view::npos;
  });
}

std::string_view next_word(std::string_view& rest) noexcept {
  const auto space = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, space);
  rest.remove_prefix(std::min(space + 1, rest.size()));
  return word;
}

/// Everything but the payload; returns its size.
std::uint64_t parse_line(std::string_view line, Frame& frame) {
  std::string_view rest = line;
  const std::string_view name = next_word(rest);
  if (!is_name(name, "")) refuse("not a frame of the worker protocol", line);
  frame.name = name;
  const std::string_view size = next_word(rest);
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), bytes);
  if (error != std::errc() || end != size.data() + size.size()) refuse("a frame without its number of bytes", line);
  if (bytes > kFramePayloadBytes) refuse("a frame beyond the limit of 1 GiB", line);
  while (!rest.empty()) {
    const std::string_view word = next_word(rest);
    const auto equals = word.find('=');
    if (equals == std::string_view::npos || !is_name(word.substr(0, equals), "0123456789.")) {
      refuse("a frame with a word that is no key=value", line);
    }
    frame.values[std::string(word.substr(0, equals))] = decode(word.substr(equals + 1), line);
  }
  return bytes;
}

}  // namespace

std::string Frame::text(std::string_view key, std::string_view otherwise) const {
  const auto at = values.find(std::string(key));
  return at == values.end() ? std::string(otherwise) : at->second;
}

std::int64_t Frame::integer(std::string_view key, std::int64_t otherwise) const {
  const auto at = values.find(std::string(key));
  if (at == values.end()) return otherwise;
  const std::string& word = at->second;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) {
    refuse("frame '" + name + "': " + std::string(key) + " is no integer", word);
  }
  return value;
}

void write_frame(const Frame& frame, const WriteBytes& write) {
  std::string line = frame.name + " " + std::to_string(frame.payload.size());
  for (const auto& [key, value] : frame.values) line += " " + key + "=" + encode(value);
  write(line + "\n");
  if (!frame.payload.empty()) write(frame.payload);
}

bool FrameReader::fill() {
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
  }
  const std::size_t old = buffer_.size();
  buffer_.resize(old + kChunk);
  const std::size_t got = read_(buffer_.data() + old, kChunk);
  buffer_.resize(old + got);
  return got > 0;
}

bool FrameReader::read_line(std::string& line) {
  std::size_t seen = 0;  // bytes behind begin_ that hold no newline
  for (;;) {
    const auto newline = buffer_.find('\n', begin_ + seen);
    if (newline != std::string::npos) {
      line = buffer_.substr(begin_, newline - begin_);
      begin_ = newline + 1;
      return true;
    }
    seen = buffer_.size() - begin_;
    if (seen > kFrameLineBytes) refuse("a line beyond the limit of 64 KiB", std::string_view(buffer_).substr(begin_));
    if (fill()) continue;
    if (seen == 0) return false;
    refuse("the stream ended inside a line", std::string_view(buffer_).substr(begin_));
  }
}

bool FrameReader::next(Frame& frame) {
  std::string line;
  if (!read_line(line)) return false;
  frame = {};
  const std::uint64_t bytes = parse_line(line, frame);
  const std::size_t buffered = std::min<std::uint64_t>(bytes, buffer_.size() - begin_);
  frame.payload.assign(buffer_, begin_, buffered);
  begin_ += buffered;
  // Memory grows with what really arrives: a line that promises a gigabyte costs nothing by itself.
  while (frame.payload.size() < bytes) {
    const std::size_t old = frame.payload.size();
    const std::size_t wanted = std::min<std::uint64_t>(bytes - old, std::size_t{1} << 20);
    frame.payload.resize(old + wanted);
    const std::size_t got = read_(frame.payload.data() + old, wanted);
    frame.payload.resize(old + got);
    if (got == 0) refuse("the stream ended inside the payload of", line);
  }
  return true;
}

}  // namespace bh::harness
