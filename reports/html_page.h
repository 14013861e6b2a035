// The pieces that pages are made of: the shell with its style sheet, the verdict, figures with their table.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/report.h"
#include "reports/plots.h"

namespace bh::reports {

/// A whole document: no script, nothing from the network.
std::string html_page(std::string_view title, std::string_view body);

struct Figure {
  std::string id;
  std::string title;
  std::string note;  ///< one sentence: how to read it, what it says
  std::function<std::string(const PlotFrame&)> draw;
  std::vector<std::string> head;  ///< the same as a table
  std::vector<std::vector<std::string>> rows;
};
/// The plot for wide and for narrow pages, and its numbers as a table.
std::string html_figure(const Figure& figure);
/// A plot of one size with a line of words above it.
std::string html_small_figure(std::string_view id, std::string_view caption, std::string_view description,
                              const std::function<std::string(const PlotFrame&)>& draw);

std::string html_details(std::string_view summary, std::string_view inner);
std::string html_json(const json::object& object);

std::string_view verdict_glyph(harness::Verdict verdict);  ///< so that no verdict is told by colour alone
Mood headline_mood(const harness::Report& report);
/// The headline as a sentence begins: "Passed".
std::string headline_word(const harness::Report& report);
/// How many ended how, as a bar and in words.
std::string html_tally(const harness::Report& report);

}  // namespace bh::reports
