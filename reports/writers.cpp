#include "reports/writers.h"

#include <array>

#include "reports/render.h"

namespace bh::reports {

namespace {
constexpr std::array kWriters = {
    harness::Writer{"console", "", render_console},
    harness::Writer{"json", "run.json", render_json},
    harness::Writer{"verdicts", "{suite}.json", render_verdicts},
    harness::Writer{"markdown", "{SUITE}.md", render_markdown},
    harness::Writer{"summary", "summary.md", render_summary},
    harness::Writer{"junit", "junit.xml", render_junit},
};
}  // namespace

std::span<const harness::Writer> writers() noexcept { return kWriters; }

}  // namespace bh::reports
