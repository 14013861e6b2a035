// A report writer: a pure function from a Report to the bytes of a document. The list is reports/writers.cpp.
#pragma once

#include <string>
#include <string_view>

#include "harness/core/report.h"

namespace bh::harness {

struct WriterStyle {
  bool colour = false;
  bool verbose = false;
};

/// A row of the list of writers.
struct Writer {
  std::string_view name;       ///< "console", "json", "markdown", "junit"
  std::string_view file_name;  ///< in the run directory, {suite} and {SUITE} replaced; empty = only on stdout
  std::string (*render)(const Report& report, const WriterStyle& style);
};

}  // namespace bh::harness
