#include "reports/detail_tables.h"

#include <algorithm>

#include "reports/findings.h"
#include "reports/render.h"
#include "reports/scale.h"

namespace bh::reports {

namespace {

bool is_plain(const json::value& value) { return !value.is_object() && !value.is_array(); }

bool is_list_of_objects(const json::value& value) {
  return value.is_array() && !value.get_array().empty() &&
         std::all_of(value.get_array().begin(), value.get_array().end(),
                     [](const json::value& row) { return row.is_object(); });
}

/// The exhibits, and what crossval keeps beside "layers".
bool is_drawn(std::string_view key) {
  return key == "comparisons" || key == "layers" || key == "divergences" || key == "points";
}

}  // namespace

std::string plain_text(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_double()) return short_number(value.get_double(), 6);
  if (value.is_null()) return "";
  return is_plain(value) ? write_json_line(value) : std::string();
}

std::vector<DetailTable> find_tables(const json::object& details) {
  std::vector<DetailTable> tables;
  for (const auto& member : details) {
    const std::string title(member.key());
    if (is_drawn(title) || !is_list_of_objects(member.value())) continue;
    DetailTable table{title, {}, {}};
    for (const json::value& row : member.value().get_array()) {
      for (const auto& cell : row.get_object()) {
        const std::string name(cell.key());
        if (!is_plain(cell.value())) continue;
        if (std::find(table.head.begin(), table.head.end(), name) == table.head.end()) table.head.push_back(name);
      }
    }
    for (const json::value& row : member.value().get_array()) {
      std::vector<std::string> cells;
      for (const std::string& name : table.head) {
        const json::value* cell = find(row.get_object(), name);
        cells.push_back(cell == nullptr ? std::string() : plain_text(*cell));
      }
      table.rows.push_back(std::move(cells));
    }
    if (table.head.size() > 1) tables.push_back(std::move(table));
  }
  return tables;
}

std::vector<DetailTable> find_case_tables(const harness::Report& report) {
  std::vector<DetailTable> tables;
  for (const harness::Result& result : report.results) {
    if (result.metrics.empty()) continue;
    const std::string label = case_label(report, result.case_id);
    std::vector<std::string> head = {"Case", "Verdict"}, row = {label, std::string(to_string(result.verdict))};
    for (const auto& metric : result.metrics) {
      head.push_back(metric.name);
      row.push_back(metric.value ? format_metric(metric) : std::string("n/a"));
    }
    const std::string kind = label.substr(0, label.find('/'));
    auto table = std::find_if(tables.begin(), tables.end(),
                              [&](const DetailTable& known) { return known.title == kind && known.head == head; });
    if (table == tables.end()) table = tables.insert(tables.end(), {kind, head, {}});
    table->rows.push_back(std::move(row));
  }
  tables.erase(std::remove_if(tables.begin(), tables.end(), [](const auto& table) { return table.rows.size() < 2; }),
               tables.end());
  return tables;
}

std::vector<std::vector<std::string>> plain_members(const json::object& object) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& member : object) {
    const std::string name(member.key());
    if (is_plain(member.value())) {
      rows.push_back({name, plain_text(member.value())});
    } else if (member.value().is_object()) {
      for (const auto& inner : member.value().get_object()) {
        if (is_plain(inner.value())) rows.push_back({name + "." + std::string(inner.key()), plain_text(inner.value())});
      }
    }
  }
  return rows;
}

}  // namespace bh::reports
