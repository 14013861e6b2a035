// bitharness compare: two runs side by side, judged.
#include "harness/judge/compare_reports.h"

#include <array>
#include <filesystem>

#include "engine/base/error.h"
#include "harness/cli/commands.h"
#include "harness/core/report_json.h"

namespace bh::harness {

namespace {

namespace fs = std::filesystem;

constexpr std::array kRows = {
    OptionRow{.name = "run",
              .kind = OptionKind::text,
              .value_name = "RUN",
              .help = "a run.json or the folder that holds it: the run before, then the run now",
              .repeatable = true,
              .positional = true},
    OptionRow{.name = "margin",
              .kind = OptionKind::number,
              .value_name = "SHARE",
              .default_value = "0.05",
              .help = "how much worse is tolerated",
              .min = 0.001,
              .max = 0.9},
    OptionRow{.name = "format",
              .kind = OptionKind::choice,
              .value_name = "NAME",
              .default_value = "human",
              .help = "how the comparison is printed",
              .choices = "human|json|junit|markdown"},
    OptionRow{.name = "verbose", .aliases = "v", .help = "show every ratio, not only what is not green"},
};

Report open_report(const std::string& given) {
  std::error_code error;
  const fs::path path = fs::is_directory(given, error) ? fs::path(given) / kRecordFile : fs::path(given);
  return report_from_json(read_json_file(path.string()), path.string());
}

int run(CommandContext& context) {
  const auto given = context.options.texts("run");
  if (given.size() != 2) {
    fail(ErrorKind::usage, "compare takes two runs, not {}: bitharness compare BEFORE NOW", given.size());
  }
  const Report before = open_report(given[0]), now = open_report(given[1]);
  if (before.suite != now.suite) {
    fail(ErrorKind::usage, "{} is a run of {}, {} of {}: compare two of one suite", given[0], before.suite, given[1],
         now.suite);
  }
  Report report = compare_reports(before, now, context.options.number("margin"));
  report.command_line = "bitharness compare " + given[0] + " " + given[1];
  const std::string format = context.options.text("format");
  const std::string wanted = format == "human" ? "console" : format;
  const WriterStyle style{.colour = false, .verbose = context.options.flag("verbose")};
  for (const Writer& writer : writers_of(context.app.writers, report.suite)) {
    if (writer.name == wanted) context.out << writer.render(report, style);
  }
  return report.outcome.exit_code;
}

}  // namespace

const CommandRow kCompareCommand{"compare", "Compares two runs of one suite: ratios with intervals, and a verdict",
                                 "BEFORE NOW [options]", kRows, run};

}  // namespace bh::harness
