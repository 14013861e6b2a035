// Plots, pages and documents of what suites leave in a report: what is drawn, what stays text, what is joined.
#include <algorithm>

#include "harness/core/exhibits.h"
#include "reports/detail_tables.h"
#include "reports/history.h"
#include "reports/html_text.h"
#include "reports/plots.h"
#include "reports/render.h"
#include "reports/sample_summary.h"
#include "reports/scale.h"
#include "reports/svg.h"
#include "tests/support/catch.h"
#include "tests/support/made_reports.h"

using namespace bh;
using namespace bh::harness;
using namespace bh::reports;
using Catch::Contains;

namespace {

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++found;
  return found;
}

}  // namespace

TEST_CASE("a summary of samples has the median, the 95th percentile, the ends and the deviation of a sample") {
  const SampleSummary s = summarize({4, 1, 3, 2, 5});
  CHECK(s.count == 5);
  CHECK(s.median == 3);
  CHECK(s.p95 == Approx(4.8));
  CHECK(s.min == 1);
  CHECK(s.max == 5);
  CHECK(s.stddev == Approx(1.5811388));
  CHECK(summarize({}).count == 0);
  CHECK(summarize({7}).stddev == 0);
  CHECK(summarize({1, std::numeric_limits<double>::quiet_NaN(), 3}).median == 2);
}

TEST_CASE("a text histogram counts every sample once") {
  const std::string plot = text_histogram({1, 1, 1, 1, 2, 3, 9}, 10);
  CHECK(count(plot, "\n") == 4);
  CHECK_THAT(plot, Contains("|##########| 5\n"));
  CHECK_THAT(plot, Contains("|##        | 1\n"));
  CHECK(text_histogram({1}, 10).empty());
  CHECK(count(text_histogram({2, 2, 2}, 10), "\n") == 1);
}

TEST_CASE("ticks are round numbers around the data") {
  const Scale linear = Scale::linear(0.93, 1.21, 6);
  std::vector<std::string> labels;
  for (const Tick& tick : linear.ticks()) labels.push_back(tick.label);
  CHECK(labels == std::vector<std::string>{"0.90", "0.95", "1.00", "1.05", "1.10", "1.15", "1.20", "1.25"});
  CHECK(Scale::linear(5, 5, 4).low() < 5);
  const Scale decades = Scale::logarithmic(3e-8, 2e-3);
  CHECK(decades.low() == Approx(1e-8));
  CHECK(decades.high() == Approx(1e-2));
  CHECK(decades.ticks().front().label == "10\xe2\x81\xbb\xe2\x81\xb8");
  const Scale few = Scale::logarithmic(0.8, 6);
  CHECK(few.low() == Approx(0.5));
  CHECK(few.high() == Approx(10));
  Scale onto = Scale::logarithmic(1, 1000);
  onto.onto(0, 300);
  CHECK(onto(10) == Approx(100));
  CHECK(onto(1e9) == Approx(300));
}

TEST_CASE("short numbers keep their significant digits and no trailing zeros") {
  CHECK(short_number(31.0) == "31");
  CHECK(short_number(0.12345) == "0.123");
  CHECK(short_number(1234.5) == "1234");
  CHECK(short_number(2e-9) == "2e-09");
  CHECK(short_number(0) == "0");
  CHECK(coordinate(-0.01) == "0");
  CHECK(coordinate(12.34) == "12.3");
}

TEST_CASE("a ratio plot has a row per comparison with its interval, noise band and pairs") {
  const std::string svg = ratio_plot(
      {"r", "Ratios", "What they say"},
      {{"a", 1.1, 1.05, 1.15, 0.99, 1.01, 0.05, {1, 1.1}, Mood::good}, {"b", 0.9, {}, {}, {}, {}, {}, {}, Mood::bad}});
  CHECK(count(svg, "class=\"dot ") == 2);
  CHECK(count(svg, "class=\"noise\"") == 1);
  CHECK(count(svg, "class=\"pair\"") == 2);
  CHECK(count(svg, "class=\"one\"") == 1);
  CHECK_THAT(svg, Contains("1.100  [1.050, 1.150]"));
  CHECK_THAT(svg, Contains("<title id=\"r-t\">Ratios</title>"));
  CHECK_THAT(svg, Contains("aria-labelledby=\"r-t r-d\""));
}

TEST_CASE("an error plot marks what leaves its tolerance, shows zero apart and names the first") {
  const std::string svg =
      error_plot({"e", "t", "d"},
                 {{"0", "norm", 0, 1e-5}, {"0", "up", 1e-7, 1e-5}, {"1", "down", 1e-3, 1e-5}, {"2", "up", 1e-2, 1e-5}});
  CHECK(count(svg, "class=\"dot bad\"") == 2);
  CHECK(count(svg, "class=\"sample\"") == 2);
  CHECK(count(svg, ">layer 1 down</text>") == 1);
  CHECK(count(svg, ">layer 2 up</text>") == 0);
  CHECK(error_plot({"e", "t", "d"}, {}).empty());
}

TEST_CASE("plots of odd data are drawn all the same") {
  const Series point{"one", {{0, 5, {}, {}, Mood::plain, ""}}};
  CHECK_THAT(line_plot({"l", "t", "d"}, {"x", "y", {}, true}, {point}), Contains("class=\"point s0\""));
  CHECK(line_plot({"l", "t", "d"}, {}, {}).empty());
  CHECK_THAT(error_plot({"e", "t", "d"}, {{"", "all_zero", 0, {}}}), Contains("<circle"));
  CHECK_THAT(margin_plot({"m", "t", "d"}, {{"p", 0, {}}}), Contains("<circle"));
  CHECK_THAT(sample_plot({"s", "t", "d"}, {3, 3, 3}, "ms"), Contains("class=\"median\""));
  CHECK(sample_plot({"s", "t", "d"}, {3}, "ms").empty());
  const std::string many = sample_plot({"s", "t", "d"}, std::vector<double>(50'000, 3.0), "ms");
  CHECK_THAT(many, Contains("class=\"band s0\"") && !Contains("<circle"));
  CHECK(many.size() < 20'000);
  for (const double width : {kWidePlot, kNarrowPlot}) {
    const std::string svg =
        ratio_plot({"r", "t", "d", width}, {{std::string(300, 'x'), 50, 40, 60, {}, {}, {}, {}, Mood::good}});
    CHECK_THAT(svg, Contains("\xe2\x80\xa6"));
    CHECK_THAT(svg, !Contains("nan"));
  }
}

TEST_CASE("a page holds a verdict, every case with its repro line, plots with tables, and nothing from elsewhere") {
  const Report report = test::made_perf_report();
  const std::string page = render_html(report, {.colour = false, .verbose = false, .record_sha256 = "abc123"});
  CHECK_THAT(page, Contains("<h1 class=\"bad\">Failed</h1>"));
  CHECK_THAT(page, Contains("SHA-256 abc123"));
  for (const Case& item : report.cases) CHECK_THAT(page, Contains(html_escaped(item.repro)));
  CHECK(count(page, "id=\"fig-ratios\"") == 1);
  CHECK(count(page, "id=\"fig-depth-decode_tokens_per_second\"") == 1);
  for (const char* outside : {"<script", "http://", "https://", "<link", "<img", "@import", "url("}) {
    CHECK_THAT(page, !Contains(outside));
  }
  // Ids are unique: each one of an SVG is told by its title.
  CHECK(count(page, "id=\"ratios-t\"") == 1);
  CHECK(count(page, "id=\"ratios-narrow-t\"") == 1);
  const std::string crossval = render_html(test::made_crossval_report(), {});
  CHECK(count(crossval, "id=\"fig-divergences\"") == 1);
  CHECK_THAT(crossval, Contains(">layer 17 ffn_down</text>"));
}

TEST_CASE("hostile text stays text on a page") {
  Report report = test::made_crossval_report();
  const std::string hostile = "\"><script>alert(1)</script>&\x01\xff'";
  report.results[0].reason = hostile;
  report.cases[0].title = hostile;
  report.results[1].case_id = report.cases[1].id = hostile;
  add_exhibit(report.results[1], Divergence{hostile, 1, 0.5, 0.05, hostile, hostile});
  add_exhibit(report.results[0], LayerError{1, hostile, 1, 0.5});
  report.outcome.reasons = {hostile};
  report.environment.cpu_model = hostile;
  for (const std::string& page : {render_html(report, {}), render_history_html(std::vector{report, report})}) {
    CHECK_THAT(page, !Contains("<script"));
    CHECK_THAT(page, !Contains("\x01"));
    CHECK_THAT(page, !Contains("\xff"));
    CHECK_THAT(page, Contains("&lt;script&gt;"));
  }
}

TEST_CASE("PERF_COMPARISON.md has its tables, the raw record and the record's hash") {
  const std::string text =
      render_perf_markdown(test::made_perf_report(), {.colour = false, .verbose = false, .record_sha256 = "abc123"});
  for (const char* part :
       {"# Performance comparison: FAILED", "## Overview", "## Environment and method", "## Model information",
        "| Metric | Median | P95 | Min | Max | StdDev |", "| Check | Status | Value | Threshold | Details |",
        "### Against the reference", "### Against the baseline", "(SHA-256 `abc123`)",
        "\"schema\": \"bitharness.run/1\"", "| needs 200 samples |"}) {
    CAPTURE(part);
    if (std::string(part) == "| needs 200 samples |") {
      CHECK_THAT(text, Contains("n/a (needs 200 samples)"));
    } else {
      CHECK_THAT(text, Contains(part));
    }
  }
}

TEST_CASE("PERF_COMPARISON.md counts samples that are too many to read, and lists the others") {
  Report report = test::made_perf_report();
  harness::add_samples(report.results[0], "inter_token_ms", 1, "ms", std::vector<double>(5000, 1.0625));
  const std::string text = render_perf_markdown(report, {});
  CHECK_THAT(text, Contains("5000 samples in run.json"));
  CHECK(text.size() < render_perf_markdown(test::made_perf_report(), {}).size() + 2000);
}

TEST_CASE("CROSSVAL.md names the first layer beyond tolerance, each divergence, and the rows per prompt") {
  const std::string text = render_markdown(test::made_crossval_report(), {});
  CHECK_THAT(text, Contains("| layer 17 ffn\\_down |"));
  CHECK_THAT(text, Contains("| greedy | In the beginning | 41 | 0.012 | yes |  and |  that |"));
  CHECK_THAT(text, Contains("| prompt | cosine | kl |"));
}

TEST_CASE("cases of one kind with the same metrics stand side by side, a row each") {
  const Report report = test::made_perf_report();
  const auto tables = find_case_tables(report);
  REQUIRE(tables.size() == 1);
  CHECK(tables[0].title == "decode");
  CHECK(tables[0].rows.size() == report.results.size());
  CHECK(tables[0].rows[1][1] == "regressed");
  CHECK(find_case_tables(test::made_crossval_report()).empty());
  CHECK_THAT(render_markdown(report, {}), Contains("| decode/2b4t-f16/t16/d0 | regressed |"));
}

TEST_CASE("a history joins the runs of a suite: verdicts side by side, what changed in numbers") {
  Report first = test::made_perf_report(), second = first;
  second.started_at = "2026-02-03T04:05:06.789Z";
  second.results[0].metrics[0].value = *second.results[0].metrics[0].value * 1.25;
  second.results[1].verdict = Verdict::passed;
  second.results.pop_back();
  const std::vector<Report> runs = {first, second};
  const auto verdicts = verdict_history(runs);
  REQUIRE(verdicts.size() == first.results.size());
  CHECK(verdicts[1].verdicts == std::vector<std::optional<Verdict>>{Verdict::regressed, Verdict::passed});
  CHECK(verdicts.back().verdicts == std::vector<std::optional<Verdict>>{Verdict::passed, std::nullopt});
  const auto metrics = metric_history(runs);
  CHECK(std::count_if(metrics.begin(), metrics.end(), [](const auto& m) { return m.changed; }) == 1);
  const std::string text = render_history_markdown(runs);
  CHECK_THAT(text, Contains("| Metric | Unit | 01-02 | 02-03 | Change |"));
  CHECK_THAT(text, Contains("+25.0%"));
  const std::string page = render_history_html(runs);
  CHECK(count(page, "<svg") == 1);
  CHECK_THAT(page, Contains("metrics have the same value in every run"));
}
