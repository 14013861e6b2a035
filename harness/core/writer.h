// A report writer: a pure function from a Report to the bytes of a document. The list is reports/writers.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/report.h"

namespace bh::harness {

inline constexpr std::string_view kRecordFile = "run.json";

struct WriterStyle {
  bool colour = false;
  bool verbose = false;
  std::string record_sha256 = {};  ///< of run.json, for the footer that names it; empty = unknown
};

/// A row of the list of writers.
struct Writer {
  std::string_view name;       ///< "console", "json", "markdown", "junit"
  std::string_view file_name;  ///< in the run directory, {suite} and {SUITE} replaced; empty = only on stdout
  std::string (*render)(const Report& report, const WriterStyle& style);  ///< empty = this run has no such document
  std::string_view suite = {};  ///< of this suite alone, in place of the row of the same name that is for all
  /// Several runs of one suite, oldest first, in one document; nullptr = there is no such document.
  std::string (*render_history)(std::span<const Report> reports) = nullptr;
};

/// The rows that serve a suite: of each name the suite's own, or else the one for all.
std::vector<Writer> writers_of(std::span<const Writer> writers, std::string_view suite);

/// "PARITY.md"; empty for a writer that has no file.
std::string file_name(const Writer& writer, std::string_view suite);

}  // namespace bh::harness
