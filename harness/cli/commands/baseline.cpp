// bitharness baseline: lists, shows and promotes stored baselines.
#include "harness/judge/baseline.h"

#include <fmt/format.h>

#include <array>

#include "engine/base/error.h"
#include "harness/cli/commands.h"
#include "harness/core/report_json.h"
#include "harness/judge/machine.h"
#include "harness/measure/environment.h"

namespace bh::harness {

namespace {

namespace fs = std::filesystem;

constexpr std::array kRows = {
    OptionRow{.name = "words",
              .kind = OptionKind::text,
              .value_name = "ACTION [FILE]",
              .help = "list; show [FILE], without it this machine class's; promote RUN, a run.json or its folder",
              .repeatable = true,
              .positional = true},
    OptionRow{.name = "baselines",
              .kind = OptionKind::text,
              .value_name = "DIR",
              .default_value = "baselines",
              .help = "the folder of baselines, <machine class>/<suite>.json"},
    OptionRow{.name = "suite",
              .kind = OptionKind::text,
              .value_name = "NAME",
              .default_value = "perf",
              .help = "show: of this suite"},
    OptionRow{.name = "force", .help = "promote: whatever the verdicts"},
    rows::kJson,
};

int list(CommandContext& context) {
  const auto all = list_baselines(context.options.text("baselines"));
  const std::string here = machine_class(read_environment());
  if (context.options.flag("json")) {
    json::array array;
    for (const Baseline& baseline : all) {
      array.push_back(json::object{{"path", baseline.source},
                                   {"machine_class", baseline.machine_class},
                                   {"fingerprint", baseline.fingerprint},
                                   {"suite", baseline.report.suite},
                                   {"started_at", baseline.report.started_at},
                                   {"git_describe", baseline.report.environment.git_describe},
                                   {"cases", baseline.report.results.size()},
                                   {"this_machine_class", baseline.machine_class == here}});
    }
    context.out << write_json(array);
    return 0;
  }
  for (const Baseline& baseline : all) {
    context.out << fmt::format("{}  {}  {} cases  {}  {}{}\n", baseline.machine_class, baseline.report.suite,
                               baseline.report.results.size(), baseline.report.started_at, baseline.source,
                               baseline.machine_class == here ? "  (this machine's class)" : "");
  }
  if (all.empty()) context.err << "no baselines in " << context.options.text("baselines") << "\n";
  return 0;
}

int show(CommandContext& context, const std::string& named) {
  fs::path path = named;
  if (named.empty()) {
    Report here;
    here.suite = context.options.text("suite");
    here.environment = read_environment();
    path = baseline_path(context.options.text("baselines"), here);
  }
  const Baseline baseline = read_baseline(path);
  if (!context.options.flag("json")) {
    context.out << fmt::format("{}\n{}, measured on {}\n", baseline.source, baseline.machine_class,
                               baseline.fingerprint);
  }
  const std::string_view wanted = context.options.flag("json") ? "json" : "console";
  for (const Writer& writer : writers_of(context.app.writers, baseline.report.suite)) {
    if (writer.name == wanted) context.out << writer.render(baseline.report, {.colour = false, .verbose = true});
  }
  return 0;
}

int promote_run(CommandContext& context, const std::string& named) {
  if (named.empty()) fail(ErrorKind::usage, "baseline promote needs a run: bitharness baseline promote RUN");
  std::error_code error;
  const fs::path path = fs::is_directory(named, error) ? fs::path(named) / kRecordFile : fs::path(named);
  const Report report = report_from_json(read_json_file(path.string()), path.string());
  context.out << promote(report, context.options.text("baselines"), context.options.flag("force")).string() << "\n";
  return 0;
}

int run(CommandContext& context) {
  const auto words = context.options.texts("words");
  const std::string action = words.empty() ? "" : words[0];
  const std::string argument = words.size() > 1 ? words[1] : "";
  if (words.size() > 2) fail(ErrorKind::usage, "baseline {}: '{}' is one word too many", action, words[2]);
  if (action == "list" && argument.empty()) return list(context);
  if (action == "show") return show(context, argument);
  if (action == "promote") return promote_run(context, argument);
  fail(ErrorKind::usage, "baseline list, baseline show [FILE] or baseline promote RUN; see bitharness baseline --help");
}

}  // namespace

const CommandRow kBaselineCommand{"baseline", "Lists, shows and promotes stored baselines",
                                  "list | show [FILE] | promote RUN", kRows, run};

}  // namespace bh::harness
