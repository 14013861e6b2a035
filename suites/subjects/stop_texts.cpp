#include "suites/subjects/stop_texts.h"

namespace bh::suites {

void cut_at_stop_text(engine::Generation& generation, std::span<const std::string> stop_texts) {
  for (const std::string& stop : stop_texts) {
    const auto at = generation.text.find(stop);
    if (at == std::string::npos) continue;
    generation.text.resize(at);  // what is left can only hold a stop text that comes earlier
    generation.stop_reason = engine::StopReason::stop_text;
    generation.stop_detail = stop;
  }
}

}  // namespace bh::suites
