// receipt.json, for runs whose suite left evidence for one.
#include "harness/core/receipt.h"

#include "reports/render.h"

namespace bh::reports {

std::string render_receipt(const harness::Report& report, const harness::WriterStyle& style) {
  return harness::has_receipt(report) ? harness::make_receipt(report, style.record_sha256) : std::string();
}

}  // namespace bh::reports
