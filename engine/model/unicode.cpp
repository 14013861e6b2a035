#include "engine/model/unicode.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "engine/model/tokenizer.h"

namespace bh::engine {
namespace {

// Length and the bounds of the second byte for each lead byte: table 3-7 of the Unicode standard, which rules out
// overlong forms, surrogates and anything above U+10FFFF.
struct LeadByte {
  std::uint8_t length;
  std::uint8_t second_min;
  std::uint8_t second_max;
};

constexpr LeadByte classify(unsigned byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

constexpr unsigned kAlphabetEnd = 256 + 68;  // code points in use are below

struct Alphabet {
  std::array<std::array<char, 2>, 256> text{};
  std::array<std::uint8_t, 256> length{};
  std::array<std::int16_t, kAlphabetEnd> byte_of{};
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  for (std::int16_t& byte : alphabet.byte_of) byte = -1;
  unsigned next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const unsigned code_point = stands_for_itself(byte) ? byte : next++;
    alphabet.byte_of[code_point] = static_cast<std::int16_t>(byte);
    if (code_point < 0x80) {
      alphabet.text[byte] = {static_cast<char>(code_point), 0};
      alphabet.length[byte] = 1;
    } else {
      alphabet.text[byte] = {static_cast<char>(0xC0 | (code_point >> 6)), static_cast<char>(0x80 | (code_point & 63))};
      alphabet.length[byte] = 2;
    }
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

Utf8Unit next_utf8(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const LeadByte lead = classify(byte(0));
  if (lead.length == 0) return {Utf8Unit::Kind::invalid, 1};
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (i == text.size()) return {Utf8Unit::Kind::incomplete, i};
    const unsigned min = i == 1 ? lead.second_min : 0x80;
    const unsigned max = i == 1 ? lead.second_max : 0xBF;
    if (byte(i) < min || byte(i) > max) return {Utf8Unit::Kind::invalid, i};
  }
  return {Utf8Unit::Kind::valid, lead.length};
}

std::size_t valid_utf8_prefix(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t word = 0;
    if (text.size() - at >= sizeof(word)) {
      std::memcpy(&word, text.data() + at, sizeof(word));
      if ((word & 0x8080808080808080U) == 0) {
        at += sizeof(word);
        continue;
      }
    }
    const Utf8Unit unit = next_utf8(text.substr(at));
    if (unit.kind != Utf8Unit::Kind::valid) return at;
    at += unit.length;
  }
  return at;
}

std::string_view alphabet_character(unsigned char byte) noexcept {
  return {kAlphabet.text[byte].data(), kAlphabet.length[byte]};
}

std::string to_byte_alphabet(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) text += alphabet_character(static_cast<unsigned char>(byte));
  return text;
}

std::optional<std::string> from_byte_alphabet(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  while (!text.empty()) {
    const Utf8Unit unit = next_utf8(text);
    if (unit.kind != Utf8Unit::Kind::valid || unit.length > 2) return std::nullopt;
    unsigned code_point = static_cast<unsigned char>(text[0]);
    if (unit.length == 2) code_point = ((code_point & 0x1F) << 6) | (static_cast<unsigned char>(text[1]) & 0x3F);
    if (code_point >= kAlphabetEnd || kAlphabet.byte_of[code_point] < 0) return std::nullopt;
    bytes += static_cast<char>(kAlphabet.byte_of[code_point]);
    text.remove_prefix(unit.length);
  }
  return bytes;
}

std::string Utf8Stream::push(std::string_view bytes) {
  pending_ += bytes;
  std::string complete;
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const Utf8Unit unit = next_utf8(rest);
    if (unit.kind == Utf8Unit::Kind::incomplete) break;
    complete += unit.kind == Utf8Unit::Kind::valid ? rest.substr(0, unit.length) : kReplacementCharacter;
    rest.remove_prefix(unit.length);
  }
  pending_.erase(0, pending_.size() - rest.size());
  return complete;
}

std::string Utf8Stream::finish() {
  std::string rest;
  if (!pending_.empty()) rest = kReplacementCharacter;  // push() leaves at most one unfinished sequence
  pending_.clear();
  return rest;
}

}  // namespace bh::engine
