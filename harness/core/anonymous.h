// Leaves out of a record what belongs to the machine's owner and not to the measurement, before it is published.
#pragma once

#include <string>
#include <string_view>

#include "harness/core/report.h"

namespace bh::harness {

/// Absolute paths shortened to their last component: "-m /home/jane/models/a.gguf" -> "-m a.gguf". Web addresses,
/// and words with a slash in them, stay. Blanks are part of a path where it is quoted, or is the whole text.
std::string without_folders(std::string_view text);

/// No host name, no folders, anywhere in the record. Equal records give equal records.
Report anonymous(const Report& report);

}  // namespace bh::harness
