#include "harness/core/anonymous.h"

#include "harness/core/report_json.h"

namespace bh::harness {

namespace {

constexpr std::string_view kQuotes = "'\"`";

bool in_path(char c) {
  return static_cast<unsigned char>(c) > ' ' && c != '\x7f' &&
         std::string_view("'\"`|<>,;:()[]{}").find(c) == std::string_view::npos;
}

/// A path begins where no word, number or other path goes on.
bool may_begin_after(char c) {
  const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return !word && std::string_view("_./-~*>\\").find(c) == std::string_view::npos &&
         static_cast<unsigned char>(c) < 0x80;
}

/// "/home/jane/my models/a.gguf", and not a sentence or a command line that begins with a path.
bool is_one_path(std::string_view text) {
  for (const std::string_view end : {": ", "; ", ", ", " -", " /", "\n"}) {
    if (text.find(end) != std::string_view::npos) return false;
  }
  return text.substr(0, 1) == "/" && text.find_first_of(kQuotes) == std::string_view::npos;
}

/// Of a path with blanks: the end of the quotes that it or its option stands in, or of a text that is nothing else.
std::size_t path_end(std::string_view text, std::size_t begin) {
  std::size_t word = begin;
  while (word > 0 && in_path(text[word - 1])) --word;
  if (word > 0 && kQuotes.find(text[word - 1]) != std::string_view::npos) {
    const std::size_t close = text.find(text[word - 1], begin);
    if (close != std::string_view::npos) return close;
  }
  if (begin == 0 && is_one_path(text)) return text.size();
  std::size_t end = begin;
  while (end < text.size() && in_path(text[end])) ++end;
  return end;
}

json::value cleaned(const json::value& value) {
  if (value.is_string()) return json::value(without_folders(std::string_view(value.get_string())));
  if (value.is_array()) {
    json::array array;
    for (const json::value& item : value.get_array()) array.push_back(cleaned(item));
    return array;
  }
  if (value.is_object()) {
    json::object object;
    for (const auto& member : value.get_object()) {
      object[without_folders(std::string_view(member.key()))] = cleaned(member.value());
    }
    return object;
  }
  return value;
}

}  // namespace

std::string without_folders(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const bool begins = text[i] == '/' && (i == 0 || may_begin_after(text[i - 1])) && i + 1 < text.size() &&
                        in_path(text[i + 1]) && text[i + 1] != '/' &&
                        !(i > 0 && text[i - 1] == ':' && text.substr(i, 2) == "//");
    if (!begins) {
      out += text[i++];
      continue;
    }
    const std::size_t end = path_end(text, i);
    std::string_view path = text.substr(i, end - i);
    while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    out += path.substr(path.rfind('/') + 1);
    i = end;
  }
  return out;
}

Report anonymous(const Report& report) {
  Report named = report;
  named.environment.host_name.clear();
  const json::value record = cleaned(to_json(named));
  return report_from_json(record, "the anonymous record");
}

}  // namespace bh::harness
