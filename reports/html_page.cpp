#include "reports/html_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "generated/bh_reports.h"
#include "harness/core/exit_code.h"
#include "harness/core/text.h"
#include "reports/findings.h"
#include "reports/html_text.h"
#include "reports/render.h"

namespace bh::reports {

using harness::Report;
using harness::Verdict;

std::string html_page(std::string_view title, std::string_view body) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
      "<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
      html_escaped(title), embedded::reports::report_css(), body);
}

std::string html_figure(const Figure& figure) {
  PlotFrame frame{figure.id, figure.title, figure.note, kWidePlot};
  const std::string wide = figure.draw(frame);
  if (wide.empty()) return "";
  frame.id += "-narrow";
  frame.width = kNarrowPlot;
  std::string out = fmt::format("<figure id=\"fig-{}\">\n<figcaption><h3>{}</h3><p>{}</p></figcaption>\n",
                                html_escaped(figure.id), html_escaped(figure.title), html_escaped(figure.note));
  out += fmt::format("<div class=\"wide\">\n{}</div>\n<div class=\"narrow\">\n{}</div>\n", wide, figure.draw(frame));
  return out + html_details("The numbers", html_table(figure.title, figure.head, figure.rows)) + "</figure>\n";
}

std::string html_small_figure(std::string_view id, std::string_view caption, std::string_view description,
                              const std::function<std::string(const PlotFrame&)>& draw) {
  const std::string plot = draw({std::string(id), std::string(caption), std::string(description), kNarrowPlot});
  if (plot.empty()) return "";
  return fmt::format("<figure>\n<figcaption>{}</figcaption>\n{}</figure>\n", html_escaped(caption), plot);
}

std::string html_details(std::string_view summary, std::string_view inner) {
  return fmt::format("<details class=\"data\">\n<summary>{}</summary>\n{}</details>\n", html_escaped(summary), inner);
}

std::string html_json(const json::object& object) {
  json::value value = object;
  harness::make_valid_utf8(value);
  return fmt::format("<pre class=\"wrap\"><code>{}</code></pre>\n", html_escaped(write_json(value)));
}

std::string_view verdict_glyph(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return "\xe2\x9c\x93";  // check mark
    case Verdict::skipped:
      return "\xe2\x80\x93";  // dash
    case Verdict::warned:
      return "!";
    case Verdict::untrusted:
      return "?";
    case Verdict::regressed:
      return "\xe2\x86\x93";  // downwards arrow
    default:
      return "\xc3\x97";  // times
  }
}

Mood headline_mood(const Report& report) {
  if (report.outcome.exit_code == static_cast<int>(harness::ExitCode::ok)) return Mood::good;
  return report.outcome.exit_code == static_cast<int>(harness::ExitCode::inconclusive) ? Mood::unsure : Mood::bad;
}

std::string headline_word(const Report& report) {
  std::string word = headline(report);
  std::transform(word.begin() + 1, word.end(), word.begin() + 1,
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return word;
}

std::string html_tally(const Report& report) {
  std::string bar, words;
  for (const Verdict verdict : harness::kVerdicts) {
    const auto count = std::count_if(report.results.begin(), report.results.end(),
                                     [&](const auto& result) { return result.verdict == verdict; });
    if (count == 0) continue;
    const auto mood = mood_class(mood_of(verdict));
    bar += fmt::format("<span class=\"{}\" style=\"flex:{}\"></span>", mood, count);
    words += fmt::format("<li class=\"{}\">{} {} {}</li>\n", mood, verdict_glyph(verdict), count, to_string(verdict));
  }
  if (words.empty()) return "<p class=\"lede\">Nothing ran.</p>\n";
  return fmt::format("<div class=\"tally\" aria-hidden=\"true\">{}</div>\n<ul class=\"counts\">\n{}</ul>\n", bar,
                     words);
}

}  // namespace bh::reports
