// Text, tables and sections that the Markdown documents share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/core/writer.h"

namespace bh::reports {

/// Text in a table cell or sentence: nothing in it is taken for markup.
std::string md_escaped(std::string_view text);
/// A code block that no run of backquotes in `text` can end.
std::string md_fenced(std::string_view text, std::string_view language = "");
/// Cells are escaped here. At most `limit` rows, then how many are left out.
std::string md_table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows,
                     std::size_t limit = 400);
/// Hidden until it is asked for; `inner` is Markdown.
std::string md_collapsed(std::string_view summary, std::string_view inner);
std::string md_json(const json::object& object);

/// Title, counts, reasons.
std::string md_intro(const harness::Report& report, std::string_view title);
/// What was compared, by kind; empty where nothing was.
std::string md_comparisons(const harness::Report& report);
/// First layers beyond tolerance and divergences; empty where there are none.
std::string md_layers(const harness::Report& report);
std::string md_divergences(const harness::Report& report);
/// "Made from run.json, SHA-256 ..."
std::string md_footer(const harness::Report& report, const harness::WriterStyle& style);

}  // namespace bh::reports
