// bitharness signoff: may it ship? Runs the suites in this process, one folder of evidence each, checks what they left,
// and comes to one verdict (harness/judge/signoff.h).
#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "harness/cli/commands.h"
#include "harness/cli/documents.h"
#include "harness/cli/run.h"
#include "harness/core/receipt.h"
#include "harness/core/report_json.h"
#include "harness/io/model_locator.h"
#include "harness/judge/attest.h"
#include "harness/judge/signoff.h"
#include "harness/measure/doctor.h"
#include "harness/measure/environment.h"

namespace bh::harness {

namespace fs = std::filesystem;

namespace {

constexpr std::array kRows = {
    OptionRow{.name = "output",
              .aliases = "o",
              .kind = OptionKind::text,
              .value_name = "DIR",
              .default_value = "signoff",
              .help = "write SIGNOFF.md, signoff.json and a folder of evidence per stage into DIR"},
    rows::kModel,
    rows::kThreads,
    OptionRow{.name = "reference",
              .kind = OptionKind::text,
              .value_name = "DIR",
              .help = "a build of the C++ reference for crossval; without it the recorded one"},
    OptionRow{.name = "baseline", .kind = OptionKind::text, .value_name = "FILE", .help = "what perf is held against"},
    OptionRow{.name = "against",
              .kind = OptionKind::text,
              .value_name = "BINARY",
              .help = "another build that perf runs in turns with this one"},
    OptionRow{.name = "documents",
              .kind = OptionKind::text,
              .value_name = "RUN",
              .help = "a published run whose documents must be what its run.json gives",
              .repeatable = true},
    OptionRow{.name = "waivers",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "JSON list of stages and cases that are excused until a date"},
    OptionRow{.name = "sign",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "sign the receipts with this private key"},
    OptionRow{.name = "strict", .help = "run every suite with --strict"},
    rows::kJson,
};

/// Options that are handed on to the suites that have them; every other option of theirs may stand in the section of
/// the configuration file that bears the suite's name.
constexpr std::array kHandedOn = {"model", "threads", "reference", "baseline", "against", "strict", "config"};

constexpr std::array kSuiteStages = {"acceptance", "parity", "crossval", "perf"};

int code_of(ExitCode code) { return static_cast<int>(code); }

void write_file(const fs::path& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

Stage& lower(Stage& stage, Verdict verdict, int exit_code, std::string reason) {
  stage.verdict = verdict;
  stage.exit_code = exit_code;
  stage.reasons.push_back(std::move(reason));
  return stage;
}
Stage& inconclusive(Stage& stage, std::string reason) {
  return lower(stage, Verdict::untrusted, code_of(ExitCode::inconclusive), std::move(reason));
}

/// A stage made of checks.
void take(Stage& stage, const std::vector<Check>& checks, const std::string& prefix = "") {
  for (const Check& check : checks) {
    const std::string reason = fmt::format("{}{}: {}", prefix, check.name, check.message);
    if (check.verdict == Verdict::failed) lower(stage, Verdict::failed, code_of(ExitCode::failed), reason);
    if (stage.exit_code == code_of(ExitCode::failed)) continue;
    if (check.verdict == Verdict::untrusted) inconclusive(stage, reason);
    if (check.verdict == Verdict::warned) lower(stage, Verdict::warned, stage.exit_code, reason);
  }
}

class SignoffRun {
 public:
  explicit SignoffRun(CommandContext& context) : context_(context), folder_(context.options.text("output")) {}

  int run() {
    const std::int64_t start = context_.clock.steady_ns();
    signoff_.started_at = context_.clock.utc_now();
    const Environment environment = read_environment();
    signoff_.bitharness_version = environment.bitharness_version;
    signoff_.git_describe = environment.git_describe;
    signoff_.host_name = environment.host_name;
    const std::string waivers = context_.options.text("waivers");
    if (!waivers.empty())
      signoff_.waivers = read_waivers(read_json_file(waivers), waivers, signoff_.started_at.substr(0, 10));
    if (context_.options.has("sign")) key_ = SigningKey::read_private(context_.options.text("sign"));
    make_folder(folder_);
    remove_earlier();
    stage("environment", [this](Stage& stage) { check_environment(stage); });
    stage("integrity", [this](Stage& stage) { check_integrity(stage); });
    for (const char* suite : kSuiteStages) {
      stage(suite, [&](Stage& stage) { run_suite_stage(stage); });
    }
    stage("documents", [this](Stage& stage) { check_documents(stage); });
    stage("receipts", [this](Stage& stage) { check_receipts(stage); });
    signoff_.finished_at = context_.clock.utc_now();
    signoff_.duration_ns = context_.clock.steady_ns() - start;
    conclude(signoff_);
    write();
    return signoff_.exit_code;
  }

 private:
  template <class Fill>
  void stage(const std::string& name, const Fill& fill) {
    Stage stage;
    stage.name = name;
    const std::int64_t start = context_.clock.steady_ns();
    try {
      fill(stage);
    } catch (const Error& error) {
      lower(stage, Verdict::errored, code_of(exit_code_of(error.kind())), error.what());
    }
    stage.duration_ns = context_.clock.steady_ns() - start;
    context_.err << fmt::format("signoff: {} {}\n", name,
                                stage.exit_code == 0 ? to_string(stage.verdict) : stage.reasons.front())
                 << std::flush;
    signoff_.stages.push_back(std::move(stage));
  }

  /// One that is interrupted must not look like the finished one before it.
  void remove_earlier() const {
    std::vector<fs::path> files;
    for (const char* name :
         {"SIGNOFF.md", "signoff.json", "environment.json", "integrity.json", "documents.txt", "receipts.json"}) {
      files.push_back(folder_ / name);
    }
    for (const char* suite : kSuiteStages) files.push_back(folder_ / suite / kRecordFile);
    for (const fs::path& file : files) {
      std::error_code error;
      fs::remove(file, error);
      if (error) {
        fail(ErrorKind::setup, "cannot remove '{}' of an earlier sign-off: {}; name another folder with --output",
             file.string(), error.message());
      }
    }
  }

  void write_checks(Stage& stage, const std::vector<Check>& checks) const {
    stage.evidence = stage.name + ".json";
    write_file(folder_ / stage.evidence, write_json(json::object{{"checks", to_json(checks)}}));
  }

  void check_environment(Stage& stage) {
    const auto checks = examine_machine(folder_);
    write_checks(stage, checks);
    take(stage, checks);
  }

  /// Of the tree this binary was built from.
  void check_integrity(Stage& stage) {
    const std::string described = signoff_.git_describe, version = "v" + signoff_.bitharness_version;
    std::vector<Check> checks;
    const bool known = !described.empty(), dirty = described.find("-dirty") != std::string::npos;
    checks.push_back({"clean tree",
                      !known  ? Verdict::untrusted
                      : dirty ? Verdict::failed
                              : Verdict::passed,
                      !known  ? "this binary was not built from a git checkout"
                      : dirty ? described + ": it was built with changes that are in no commit"
                              : described});
    const bool tagged = described.size() > 1 && described[0] == 'v' && described[1] >= '0' && described[1] <= '9';
    const bool agree = tagged && described.substr(0, described.find('-')) == version;
    checks.push_back({"versions",
                      !tagged ? Verdict::skipped
                      : agree ? Verdict::passed
                              : Verdict::failed,
                      !tagged ? "the tree has no version tag to compare with"
                              : fmt::format("the tag is {}, the binary says {}", described, version)});
    const char* allowed = context_.getenv("BITHARNESS_ALLOW_MOCK");
    const bool mock = allowed != nullptr && *allowed != '\0';
    checks.push_back({"no mock", mock ? Verdict::failed : Verdict::passed,
                      mock ? "BITHARNESS_ALLOW_MOCK is set: a mock could pass for the model"
                           : "the environment permits none; each run's record is looked at too"});
    write_checks(stage, checks);
    take(stage, checks);
  }

  int call(std::vector<std::string> args, std::ostream& out) {
    World world{std::move(args), context_.in, out,   context_.err,      context_.getenv,
                context_.clock,  false,       false, context_.cancelled};
    return run_cli(context_.app, world);
  }

  std::vector<std::string> suite_arguments(const std::string& name) const {
    std::vector<std::string> args = {name, "--output", (folder_ / name).string()};
    for (const KnownCommand& command : known_commands(context_.app)) {
      if (command.name != name) continue;
      for (const OptionRow& row : command.rows) {
        const std::string option(row.name);
        if (std::find(kHandedOn.begin(), kHandedOn.end(), option) == kHandedOn.end()) continue;
        if (!context_.options.given(option)) continue;
        args.push_back("--" + option);
        if (row.kind != OptionKind::flag) args.push_back(context_.options.text(option));
      }
    }
    return args;
  }

  void run_suite_stage(Stage& stage) {
    const auto& suites = context_.app.suites;
    if (std::none_of(suites.begin(), suites.end(), [&](const SuiteRow& row) { return row.name == stage.name; })) {
      inconclusive(stage, "this build has no such suite");
      return;
    }
    const fs::path record = folder_ / stage.name / kRecordFile;
    std::ostringstream out;
    const int code = call(suite_arguments(stage.name), out);
    if (!fs::exists(record)) {
      // What it printed is an error's one line on stderr: there is no evidence, whatever the code.
      lower(stage, Verdict::errored,
            code == 0                          ? code_of(ExitCode::inconclusive)
            : code == code_of(ExitCode::usage) ? code_of(ExitCode::setup)
                                               : code,
            "it left no run record; what it said stands above");
      return;
    }
    stage.evidence = stage.name + "/";
    runs_.push_back(folder_ / stage.name);
    judge_record(stage, report_from_json(read_json_file(record.string()), record.string()), code);
  }

  void judge_record(Stage& stage, const Report& report, int code) const {
    bool warned = false;
    for (const Result& result : report.results) {
      warned = warned || result.verdict == Verdict::warned;
      const bool required =
          std::any_of(report.expectations.begin(), report.expectations.end(),
                      [&](const Expectation& item) { return item.required && item.case_id == result.case_id; });
      const bool blocks = result.verdict == Verdict::failed || result.verdict == Verdict::regressed ||
                          result.verdict == Verdict::errored || result.verdict == Verdict::interrupted ||
                          (required && (result.verdict == Verdict::skipped || result.verdict == Verdict::untrusted)) ||
                          (report.strict && !result.violations.empty());
      if (blocks) stage.blocking.push_back(result.case_id);
    }
    if (code != 0) {
      const bool told = code != code_of(ExitCode::inconclusive);
      lower(stage, told ? Verdict::failed : Verdict::untrusted, code, fmt::format("exit code {}", code));
      if (!report.outcome.reasons.empty()) stage.reasons = report.outcome.reasons;
      return;
    }
    const json::value* mock = find(report.subject, "mock");
    if (mock != nullptr && mock->is_bool() && mock->get_bool()) {
      lower(stage, Verdict::failed, code_of(ExitCode::failed), "a mock ran: nothing of it is real");
    } else if (stage.name == "perf" && !given(report, "baseline") && !given(report, "against")) {
      inconclusive(stage, "it was held against nothing: name --baseline or --against");
    } else if (given(report, "filter")) {
      inconclusive(stage, "only a part of it ran (--filter)");
    } else if (warned) {
      lower(stage, Verdict::warned, 0, "some cases only warn");
    }
  }

  static bool given(const Report& report, std::string_view name) {
    return std::any_of(report.options.begin(), report.options.end(),
                       [&](const OptionValue& option) { return option.name == name && !option.values.empty(); });
  }

  void check_documents(Stage& stage) {
    std::vector<std::string> args = {"report", "--check"};
    for (const fs::path& run : runs_) args.push_back(run.string());
    for (const std::string& run : context_.options.texts("documents")) args.push_back(run);
    if (args.size() == 2) {
      inconclusive(stage, "there is no run whose documents could be compared");
      return;
    }
    std::ostringstream out;
    const int code = call(args, out);
    stage.evidence = "documents.txt";
    write_file(folder_ / stage.evidence, out.str());
    if (code != 0) {
      lower(stage, code == code_of(ExitCode::inconclusive) ? Verdict::untrusted : Verdict::failed, code,
            "a document is not what its run.json gives");
    }
  }

  void check_receipts(Stage& stage) {
    std::vector<Check> all;
    for (const fs::path& run : runs_) {
      if (!fs::exists(run / kReceiptFile)) continue;
      if (key_) sign_run(run, *key_);
      for (Check& check : verify_run({run, key_, {}, executable_path(), {}, {}})) {
        check.name = fmt::format("{}: {}", run.filename().string(), check.name);
        all.push_back(std::move(check));
      }
    }
    write_checks(stage, all);
    if (all.empty()) inconclusive(stage, "no run left a receipt");
    take(stage, all);
  }

  void write() {
    write_file(folder_ / "signoff.json", write_json(to_json(signoff_)));
    write_file(folder_ / "SIGNOFF.md", to_markdown(signoff_));
    if (context_.options.flag("json")) {
      context_.out << write_json(to_json(signoff_));
      return;
    }
    for (const Stage& stage : signoff_.stages) {
      const std::string_view verdict = stage.verdict == Verdict::untrusted ? "inconclusive" : to_string(stage.verdict);
      context_.out << fmt::format("  {:<13}{:<12} {:>7.1f} s  {}{}\n", verdict, stage.name,
                                  static_cast<double>(stage.duration_ns) * 1e-9, stage.waived ? "waived: " : "",
                                  stage.reasons.empty() ? stage.evidence : one_line(stage.reasons.front()));
    }
    for (const std::string& warning : signoff_.warnings) context_.out << "warning: " << one_line(warning) << "\n";
    context_.out << fmt::format("{}: {}\n", headline(signoff_), (folder_ / "SIGNOFF.md").string());
  }

  CommandContext& context_;
  fs::path folder_;
  Signoff signoff_;
  std::optional<SigningKey> key_;
  std::vector<fs::path> runs_;  ///< folders of the suites that left a record
};

int run(CommandContext& context) { return SignoffRun(context).run(); }

}  // namespace

const CommandRow kSignoffCommand{
    "signoff", "Decides whether it may ship: acceptance, parity, crossval, perf, documents and receipts, one verdict",
    "", kRows, run};

}  // namespace bh::harness
