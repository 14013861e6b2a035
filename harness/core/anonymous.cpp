#include "harness/core/anonymous.h"

#include "harness/core/report_json.h"

namespace bh::harness {

namespace {

bool in_path(char c) {
  return c > ' ' && c != '\x7f' && std::string_view("'\"`|<>,;:()[]{}").find(c) == std::string_view::npos;
}

/// A path begins where no word, number or other path goes on.
bool may_begin_after(char c) {
  const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return !word && std::string_view("_./-~*>\\").find(c) == std::string_view::npos &&
         static_cast<unsigned char>(c) < 0x80;
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
    std::size_t end = i;
    while (end < text.size() && in_path(text[end])) ++end;
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
