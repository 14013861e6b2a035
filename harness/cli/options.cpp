#include "harness/cli/options.h"

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <cctype>
#include <filesystem>
#include <fstream>

#include "engine/base/error.h"
#include "harness/core/text.h"

namespace bh::harness {

namespace po = boost::program_options;

namespace {

constexpr const char* kExtra = "unexpected argument";  // no option can be typed with this name

constexpr std::array kCommonRows = {
    OptionRow{.name = "help", .aliases = "h", .help = "show this help"},
    OptionRow{.name = "config",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "read options from FILE (name = value, [command] sections) instead of "
                      "~/.config/bitharness/config"},
    OptionRow{.name = "show-config", .help = "print every option with its value and where that came from"},
};

po::options_description describe(std::span<const OptionRow> rows) {
  po::options_description description;
  for (const OptionRow& row : rows) {
    // Program_options takes the long name first and a one-letter name last.
    std::string names(row.name);
    std::string short_name;
    std::string_view rest = row.aliases;
    while (!rest.empty()) {
      const std::string alias(rest.substr(0, rest.find(',')));
      rest = rest.size() > alias.size() ? rest.substr(alias.size() + 1) : std::string_view{};
      (alias.size() == 1 ? short_name : names) += alias.size() == 1 ? alias : "," + alias;
    }
    if (!short_name.empty()) names += "," + short_name;
    po::value_semantic* semantic =
        row.kind == OptionKind::flag ? new po::untyped_value(true) : new po::untyped_value(false);
    description.add_options()(names.c_str(), semantic);
  }
  return description;
}

const OptionRow* find_row(std::span<const OptionRow> rows, std::string_view name) {
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const OptionRow& item) { return item.name == name; });
  return row == rows.end() ? nullptr : &*row;
}

std::string suggestion(std::string word, std::span<const OptionRow> rows) {
  word.erase(0, word.find_first_not_of('-') == std::string::npos ? word.size() : word.find_first_not_of('-'));
  word = word.substr(0, word.find('='));
  std::vector<std::string> names;
  for (const OptionRow& row : rows) names.emplace_back(row.name);
  const std::string nearest = nearest_word(word, names);
  return nearest.empty() ? "" : fmt::format("; did you mean --{}?", nearest);
}

/// What a user typed, with its dashes.
std::string dashed(const std::string& name) {
  const bool has_dashes = !name.empty() && name.front() == '-';
  return to_valid_utf8(has_dashes ? name : (name.size() == 1 ? "-" : "--") + name);
}

void assign(std::vector<OptionValue>& values, std::string_view name, const std::vector<std::string>& given,
            OptionSource source) {
  auto found = std::find_if(values.begin(), values.end(), [&](const OptionValue& item) { return item.name == name; });
  if (found == values.end()) found = values.insert(values.end(), {std::string(name), {}, source});
  if (found->source != source) *found = {std::string(name), {}, source};  // a stronger source replaces a weaker one
  found->values.insert(found->values.end(), given.begin(), given.end());
}

void read_environment(std::span<const OptionRow> rows, const GetEnv& getenv, std::vector<OptionValue>& values) {
  for (const OptionRow& row : rows) {
    if (row.name == "help" || row.name == "show-config") continue;
    for (const std::string& name : {std::string(row.extra_env), environment_name(row.name)}) {
      const char* text = name.empty() ? nullptr : getenv(name.c_str());
      if (text == nullptr || *text == '\0') continue;
      auto found =
          std::find_if(values.begin(), values.end(), [&](const OptionValue& item) { return item.name == row.name; });
      if (found != values.end() && found->source == OptionSource::environment) found->values.clear();
      assign(values, row.name, {text}, OptionSource::environment);
    }
  }
}

/// The configuration file: `named`, which must be there, or the user's own, or empty where there is none.
std::string find_config(const std::string& named, const GetEnv& getenv) {
  if (!named.empty()) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(named, error)) {
      fail(ErrorKind::usage, "--config '{}': {}", to_valid_utf8(named),
           error ? error.message() : "it is no regular file");
    }
    return named;
  }
  const char* xdg = getenv("XDG_CONFIG_HOME");
  const char* home = getenv("HOME");
  std::filesystem::path folder;
  if (xdg != nullptr && *xdg != '\0') {
    folder = xdg;
  } else if (home != nullptr && *home != '\0') {
    folder = std::filesystem::path(home) / ".config";
  } else {
    return "";
  }
  std::error_code error;
  const auto path = folder / "bitharness" / "config";
  return std::filesystem::is_regular_file(path, error) ? path.string() : "";
}

void check_known(const std::string& path, const std::string& section, const std::string& name,
                 std::span<const KnownCommand> known) {
  bool section_known = section.empty();
  std::vector<OptionRow> all;
  for (const KnownCommand& command : known) {
    section_known = section_known || command.name == section;
    if (section.empty() || command.name == section) all.insert(all.end(), command.rows.begin(), command.rows.end());
  }
  if (!section_known) fail(ErrorKind::usage, "{}: [{}] is no command of bitharness", path, section);
  if (find_row(all, name) == nullptr) {
    fail(ErrorKind::usage, "{}: unknown option '{}'{}{}", path, name, section.empty() ? "" : " in [" + section + "]",
         suggestion(name, all));
  }
}

void read_config(const std::string& path, const std::string& command, std::span<const OptionRow> rows,
                 std::span<const KnownCommand> known, std::vector<OptionValue>& values) {
  std::ifstream file(path);
  if (!file) fail(ErrorKind::usage, "cannot read the configuration file '{}'", path);
  po::parsed_options parsed(nullptr);
  try {
    parsed = po::parse_config_file(file, po::options_description(), true);
  } catch (const po::error& error) {
    fail(ErrorKind::usage, "{}: {}; write 'name = value' lines and [command] sections", path, error.what());
  }
  // Twice: what stands under [command] wins over what stands above all sections.
  for (const bool in_section : {false, true}) {
    std::vector<OptionValue> found;
    for (const po::option& option : parsed.options) {
      const auto dot = option.string_key.rfind('.');
      const std::string section = dot == std::string::npos ? "" : option.string_key.substr(0, dot);
      const std::string name = dot == std::string::npos ? option.string_key : option.string_key.substr(dot + 1);
      check_known(path, section, name, known);
      if (section.empty() == in_section || (in_section && section != command)) continue;
      if (find_row(rows, name) != nullptr) assign(found, name, option.value, OptionSource::config_file);
    }
    for (OptionValue& value : found) {
      values.erase(
          std::remove_if(values.begin(), values.end(), [&](const auto& old) { return old.name == value.name; }),
          values.end());
      values.push_back(std::move(value));
    }
  }
}

void read_command_line(const std::string& command, std::span<const OptionRow> rows,
                       const std::vector<std::string>& args, std::vector<OptionValue>& values) {
  po::options_description description = describe(rows);
  description.add_options()(kExtra, new po::untyped_value(false));
  po::positional_options_description positional;
  for (const OptionRow& row : rows) {
    if (row.positional) positional.add(std::string(row.name).c_str(), row.repeatable ? -1 : 1);
  }
  if (positional.max_total_count() != std::numeric_limits<unsigned>::max()) positional.add(kExtra, -1);
  try {
    namespace style = po::command_line_style;
    const auto parsed = po::command_line_parser(args)
                            .options(description)
                            .positional(positional)
                            .style((style::unix_style | style::allow_long_disguise) & ~style::allow_guessing)
                            .run();
    for (const po::option& option : parsed.options) {
      if (option.string_key == kExtra) {
        fail(ErrorKind::usage, "unexpected argument '{}'{}; see 'bitharness {} --help'",
             to_valid_utf8(option.value.empty() ? "" : option.value.front()),
             find_row(rows, "model") != nullptr ? "; a model is named with --model" : "", command);
      }
      const OptionRow* row = find_row(rows, option.string_key);
      BH_ASSERT(row != nullptr);
      const auto given = row->kind == OptionKind::flag ? std::vector<std::string>{"true"} : option.value;
      assign(values, row->name, given, OptionSource::command_line);
    }
  } catch (const po::unknown_option& error) {
    const std::string typed = dashed(error.get_option_name());
    fail(ErrorKind::usage, "unknown option {}{}; see 'bitharness {} --help'", typed,
         suggestion(error.get_option_name(), rows), command);
  } catch (const po::error_with_option_name& error) {
    // "--threads needs a value", "--json takes no value"
    const auto* syntax = dynamic_cast<const po::invalid_syntax*>(&error);
    const bool missing = syntax != nullptr && syntax->kind() == po::invalid_syntax::missing_parameter;
    const bool extra = syntax != nullptr && syntax->kind() == po::invalid_syntax::extra_parameter;
    fail(ErrorKind::usage, "{} {}; see 'bitharness {} --help'", dashed(error.get_option_name()),
         missing ? "needs a value"
         : extra ? "takes no value"
                 : "cannot be read",
         command);
  } catch (const po::error& error) {
    fail(ErrorKind::usage, "{}; see 'bitharness {} --help'", to_valid_utf8(error.what()), command);
  }
}

}  // namespace

std::span<const OptionRow> common_rows() noexcept { return kCommonRows; }

std::string environment_name(std::string_view option) {
  std::string name = "BITHARNESS_";
  for (const char c : option) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

Options parse_options(const std::string& command, std::span<const OptionRow> rows, const std::vector<std::string>& args,
                      const GetEnv& getenv, std::span<const KnownCommand> known) {
  std::vector<OptionValue> typed, environment, values;
  read_command_line(command, rows, args, typed);
  for (const OptionValue& value : typed) {
    if (value.name == "help") return Options(rows, {value});  // help is given whatever else is wrong
  }
  read_environment(rows, getenv, environment);
  std::string named;
  for (const auto* source : {&environment, &typed}) {
    for (const OptionValue& value : *source) {
      if (value.name == "config") named = value.values.back();
    }
  }
  const std::string config = find_config(named, getenv);
  if (!config.empty()) read_config(config, command, rows, known, values);
  for (const auto& source : {environment, typed}) {
    for (const OptionValue& value : source) assign(values, value.name, value.values, value.source);
  }
  return Options(rows, values);
}

std::string show_config(const Options& options) {
  std::string text;
  for (const OptionValue& option : options.values()) {
    if (option.name == "help" || option.name == "show-config") continue;
    if (option.values.empty()) text += fmt::format("# {} is not set\n", option.name);
    for (const std::string& value : option.values) {
      text += fmt::format("{} = {}  # {}\n", option.name, to_valid_utf8(value), to_string(option.source));
    }
  }
  return text;
}

}  // namespace bh::harness
