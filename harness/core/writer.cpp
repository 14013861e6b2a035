#include "harness/core/writer.h"

#include <algorithm>
#include <cctype>

namespace bh::harness {

std::vector<Writer> writers_of(std::span<const Writer> writers, std::string_view suite) {
  std::vector<Writer> rows;
  for (const Writer& writer : writers) {
    if (!writer.suite.empty() && writer.suite != suite) continue;
    const bool replaced = writer.suite.empty() && std::any_of(writers.begin(), writers.end(), [&](const Writer& other) {
                            return other.name == writer.name && other.suite == suite && !other.suite.empty();
                          });
    if (!replaced) rows.push_back(writer);
  }
  return rows;
}

std::string file_name(const Writer& writer, std::string_view suite) {
  std::string upper(suite);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string name(writer.file_name);
  if (const auto at = name.find("{suite}"); at != std::string::npos) name.replace(at, 7, suite);
  if (const auto at = name.find("{SUITE}"); at != std::string::npos) name.replace(at, 7, upper);
  return name;
}

}  // namespace bh::harness
