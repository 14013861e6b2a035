#include "suites/registry.h"

#include <array>

#include "suites/acceptance/acceptance.h"

namespace bh::suites {

std::span<const harness::SuiteRow> suites() noexcept {
  static const std::array kSuites = {
      harness::SuiteRow{"acceptance", "ten criteria about a model and this machine, each judged on its own evidence",
                        acceptance::option_rows(), acceptance::make},
  };
  return kSuites;
}

}  // namespace bh::suites
