// Options as data: each suite and command declares its rows; the values of a run are parsed and checked once, here, and
// recorded in the report. harness/cli/options.cpp reads them from flags, environment and file.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bh::harness {

enum class OptionKind { flag, integer, number, text, choice };

/// One row of a table of options; string literals only.
struct OptionRow {
  std::string_view name;          ///< long name: "threads" is --threads and BITHARNESS_THREADS
  std::string_view aliases = {};  ///< comma-separated: "t" is -t, "ngl" is -ngl
  OptionKind kind = OptionKind::flag;
  std::string_view value_name = {};     ///< "N", "FILE"
  std::string_view default_value = {};  ///< empty = not given
  std::string_view help = {};
  double min = -std::numeric_limits<double>::infinity();  ///< integer and number, inclusive
  double max = std::numeric_limits<double>::infinity();
  std::string_view choices = {};    ///< choice: "auto|cpu"
  bool repeatable = false;          ///< may be given several times
  bool positional = false;          ///< also taken from the arguments that belong to no option
  std::string_view extra_env = {};  ///< a second environment variable that sets it
};

enum class OptionSource { default_value, config_file, environment, command_line };
std::string_view to_string(OptionSource source) noexcept;

struct OptionValue {
  std::string name;
  std::vector<std::string> values;  ///< empty = not given; a flag has "true"
  OptionSource source = OptionSource::default_value;
};

/// Checked values of a set of rows. Asking for a name that no row declares is Error(internal).
class Options {
 public:
  Options() = default;
  /// Fills in defaults; throws Error(usage) in one line on a value outside its row's kind, range or choices.
  /// `assigned` may name each option once; names are those of `rows`.
  Options(std::span<const OptionRow> rows, const std::vector<OptionValue>& assigned);

  /// For tests and for callers that make options in code: {"name", "value"}; an unknown name is Error(internal).
  static Options of(std::span<const OptionRow> rows, const std::map<std::string, std::string>& values = {});

  bool flag(std::string_view name) const;
  bool has(std::string_view name) const;              ///< a value is there, given or by default
  bool given(std::string_view name) const;            ///< a value is there and is no default
  std::int64_t integer(std::string_view name) const;  ///< Error(internal) where there is no value: ask has() first
  double number(std::string_view name) const;
  std::string text(std::string_view name) const;  ///< empty if not given
  std::vector<std::string> texts(std::string_view name) const;
  std::int64_t integer_or(std::string_view name, std::int64_t otherwise) const;

  const std::vector<OptionValue>& values() const noexcept { return values_; }

 private:
  const OptionValue& value(std::string_view name) const;
  std::vector<OptionValue> values_;
};

}  // namespace bh::harness
