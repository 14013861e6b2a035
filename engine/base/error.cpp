#include "engine/base/error.h"

#include "engine/base/utf8.h"

namespace bh {
namespace {

constexpr std::size_t kLongest = 6000;  ///< a path may have 4096 bytes

/// ASCII controls, and U+0080 to U+009F, which terminals obey as well.
bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  return first < 0x20 || first == 0x7f || (first == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0);
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string out;
  while (!text.empty() && out.size() < kLongest) {
    const std::size_t length = utf8_length(text);
    if (length != 0 && !is_control(text.substr(0, length))) {
      out += text.substr(0, length);
      text.remove_prefix(length);
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(text.front())));
      text.remove_prefix(1);
    }
  }
  return text.empty() ? out : out + "...";
}

void assertion_failed(const char* expression, const char* file, int line) {
  fail(ErrorKind::internal, "{}:{}: this should always hold: {}; please report it with the command line", file, line,
       expression);
}

}  // namespace bh
