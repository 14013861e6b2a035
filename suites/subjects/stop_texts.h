// Stop texts for subjects that know nothing of them.
#pragma once

#include <span>
#include <string>

#include "engine/runtime/generate.h"

namespace bh::suites {

/// Ends the text before the first of `stop_texts`.
void cut_at_stop_text(engine::Generation& generation, std::span<const std::string> stop_texts);

}  // namespace bh::suites
