#include "reports/writers.h"

#include <array>

#include "reports/render.h"

namespace bh::reports {

namespace {
constexpr std::array kWriters = {
    harness::Writer{"console", "", render_console},
    harness::Writer{"json", "run.json", render_json},
    harness::Writer{"verdicts", "{suite}.json", render_verdicts},
    harness::Writer{"markdown", "{SUITE}.md", render_markdown, "", render_history_markdown},
    harness::Writer{"markdown", "PERF_COMPARISON.md", render_perf_markdown, "perf", render_history_markdown},
    harness::Writer{"html", "report.html", render_html, "", render_history_html},
    harness::Writer{"summary", "summary.md", render_summary},
    harness::Writer{"junit", "junit.xml", render_junit},
    harness::Writer{"llama-bench", "", render_llama_bench, "perf"},
    harness::Writer{"receipt", "receipt.json", render_receipt},
};
}  // namespace

std::span<const harness::Writer> writers() noexcept { return kWriters; }

}  // namespace bh::reports
