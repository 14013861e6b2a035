#include "harness/core/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/base/error.h"

namespace bh::harness {

namespace {

std::string shown(const std::string& value) {
  std::string safe = value.size() > 64 ? value.substr(0, 64) + "..." : value;
  for (char& c : safe) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return safe;
}

template <class T>
std::optional<T> parse_number(const std::string& text) {
  T value{};
  const char* first = text.data();
  const char* last = first + text.size();
  if (text.size() > 1 && *first == '+' && text[1] != '-') ++first;
  const auto [end, error] = std::from_chars(first, last, value);
  if (error != std::errc{} || end != last) return std::nullopt;
  return value;
}

std::string bounds_text(const OptionRow& row) {
  const bool has_min = std::isfinite(row.min);
  const bool has_max = std::isfinite(row.max);
  if (has_min && has_max) return fmt::format("from {} to {}", row.min, row.max);
  if (has_min) return fmt::format("of {} or more", row.min);
  if (has_max) return fmt::format("of {} or less", row.max);
  return "";
}

[[noreturn]] void fail_number(const OptionRow& row, const std::string& text) {
  const std::string bounds = bounds_text(row);
  fail(ErrorKind::usage, "--{} takes {} {}{}{}, not '{}'", row.name, row.kind == OptionKind::integer ? "an" : "a",
       row.kind == OptionKind::integer ? "integer" : "number", bounds.empty() ? "" : " ", bounds, shown(text));
}

std::vector<std::string> split_choices(std::string_view choices) {
  std::vector<std::string> all;
  while (!choices.empty()) {
    const auto bar = choices.find('|');
    all.emplace_back(choices.substr(0, bar));
    choices = bar == std::string_view::npos ? std::string_view{} : choices.substr(bar + 1);
  }
  return all;
}

void check_value(const OptionRow& row, std::string& text) {
  switch (row.kind) {
    case OptionKind::flag:
      if (text == "1" || text == "yes" || text == "on") text = "true";
      if (text == "0" || text == "no" || text == "off") text = "false";
      if (text != "true" && text != "false") {
        fail(ErrorKind::usage, "--{} is a switch: true or false, not '{}'", row.name, shown(text));
      }
      return;
    case OptionKind::integer: {
      const auto value = parse_number<std::int64_t>(text);
      if (!value || static_cast<double>(*value) < row.min || static_cast<double>(*value) > row.max) {
        fail_number(row, text);
      }
      text = std::to_string(*value);
      return;
    }
    case OptionKind::number: {
      const auto value = parse_number<double>(text);
      if (!value || !std::isfinite(*value) || *value < row.min || *value > row.max) fail_number(row, text);
      return;
    }
    case OptionKind::choice: {
      const auto choices = split_choices(row.choices);
      if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
        fail(ErrorKind::usage, "--{} takes {}, not '{}'", row.name, fmt::join(choices, ", "), shown(text));
      }
      return;
    }
    case OptionKind::text:
      return;
  }
}

}  // namespace

std::string_view to_string(OptionSource source) noexcept {
  switch (source) {
    case OptionSource::default_value:
      return "default";
    case OptionSource::config_file:
      return "config file";
    case OptionSource::environment:
      return "environment";
    case OptionSource::command_line:
      return "command line";
  }
  return "unknown";
}

Options::Options(std::span<const OptionRow> rows, const std::vector<OptionValue>& assigned) {
  for (const OptionRow& row : rows) {
    OptionValue value{std::string(row.name), {}, OptionSource::default_value};
    const auto found =
        std::find_if(assigned.begin(), assigned.end(), [&](const OptionValue& item) { return item.name == row.name; });
    if (found != assigned.end() && !found->values.empty()) {
      value = *found;
    } else if (!row.default_value.empty()) {
      value.values = {std::string(row.default_value)};
    }
    for (std::string& text : value.values) check_value(row, text);
    if (value.values.size() > 1 && !row.repeatable) {
      fail(ErrorKind::usage, "--{} is given {} times; it takes one value", row.name, value.values.size());
    }
    values_.push_back(std::move(value));
  }
}

Options Options::of(std::span<const OptionRow> rows, const std::map<std::string, std::string>& values) {
  std::vector<OptionValue> assigned;
  for (const auto& [name, value] : values) {
    const bool known =
        std::any_of(rows.begin(), rows.end(), [&name = name](const OptionRow& row) { return row.name == name; });
    if (!known) fail(ErrorKind::internal, "no option row declares '{}'", name);
    assigned.push_back({name, {value}, OptionSource::command_line});
  }
  return Options(rows, assigned);
}

const OptionValue& Options::value(std::string_view name) const {
  for (const OptionValue& item : values_) {
    if (item.name == name) return item;
  }
  fail(ErrorKind::internal, "option '{}' was asked for, but no row declares it", name);
}

bool Options::flag(std::string_view name) const {
  const auto& item = value(name);
  return !item.values.empty() && item.values.back() == "true";
}

bool Options::has(std::string_view name) const { return !value(name).values.empty(); }

bool Options::given(std::string_view name) const {
  const auto& item = value(name);
  return !item.values.empty() && item.source != OptionSource::default_value;
}

std::int64_t Options::integer(std::string_view name) const {
  const auto parsed = parse_number<std::int64_t>(text(name));
  if (!parsed) fail(ErrorKind::internal, "option '{}' holds no integer", name);
  return *parsed;
}

double Options::number(std::string_view name) const {
  const auto parsed = parse_number<double>(text(name));
  if (!parsed) fail(ErrorKind::internal, "option '{}' holds no number", name);
  return *parsed;
}

std::string Options::text(std::string_view name) const {
  const auto& item = value(name);
  return item.values.empty() ? std::string() : item.values.front();
}

std::vector<std::string> Options::texts(std::string_view name) const { return value(name).values; }

std::int64_t Options::integer_or(std::string_view name, std::int64_t otherwise) const {
  return has(name) ? integer(name) : otherwise;
}

}  // namespace bh::harness
