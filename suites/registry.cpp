#include "suites/registry.h"

#include <array>

#include "suites/acceptance/acceptance.h"
#include "suites/crossval/crossval.h"
#include "suites/kernels/kernels.h"
#include "suites/parity/parity.h"
#include "suites/perf/perf.h"

namespace bh::suites {

std::span<const harness::SuiteRow> suites() noexcept {
  static const std::array kSuites = {
      harness::SuiteRow{"acceptance", "ten criteria about a model and this machine, each judged on its own evidence",
                        acceptance::option_rows(), true, acceptance::make},
      harness::SuiteRow{"crossval", "our engine beside a reference such as bitnet.cpp: tokens, op by op, logits, text",
                        crossval::option_rows(), true, crossval::make},
      harness::SuiteRow{"parity", "the same model as SafeTensors and as GGUF: what both hold, and what both compute",
                        parity::option_rows(), false, parity::make},
      harness::SuiteRow{"perf", "how fast, against the machine, a rival in the same minutes, and a stored baseline",
                        perf::option_rows(), true, perf::make},
      harness::SuiteRow{"kernels", "every CPU kernel alone: equal to the scalar one, then how fast",
                        kernels::option_rows(), false, kernels::make},
  };
  return kSuites;
}

}  // namespace bh::suites
