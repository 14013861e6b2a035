// Small GGUF files with weights that this engine does not run, and what happens when one is loaded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/clock.h"

namespace bh::suites::acceptance {

struct RefusedModel {
  std::uint32_t type_id = 0;
  std::string_view type_name;  ///< has to appear in the message
};

/// Formats of other projects that users meet, and an id nobody defines.
std::vector<RefusedModel> refused_models();

struct Refusal {
  bool refused = false;
  bool names_tensor = false;
  bool names_type = false;       ///< by name and by number
  bool says_what_to_do = false;  ///< "convert" or "quantize" it
  double seconds = 0;
  std::string message;
};

/// Writes the file into the system's temporary folder, loads it as a user would, and removes it.
Refusal try_to_load(const RefusedModel& model, const harness::Clock& clock);

}  // namespace bh::suites::acceptance
