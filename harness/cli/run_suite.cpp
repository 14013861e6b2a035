#include "harness/cli/run_suite.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <new>
#include <optional>
#include <set>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "harness/cli/documents.h"
#include "harness/cli/event_log.h"
#include "harness/cli/signals.h"
#include "harness/core/exit_code.h"
#include "harness/core/report_json.h"
#include "harness/core/text.h"
#include "harness/judge/attest.h"
#include "harness/judge/judge.h"
#include "harness/measure/environment.h"

namespace bh::harness {

namespace fs = std::filesystem;

namespace {

constexpr std::array kSuiteRows = {
    OptionRow{.name = "filter",
              .kind = OptionKind::text,
              .value_name = "PATTERN",
              .help = "run only cases whose id contains PATTERN, or matches it whole where it holds * or ?",
              .repeatable = true},
    OptionRow{.name = "list", .help = "print the ids of the selected cases and run nothing"},
    OptionRow{.name = "repro", .help = "print the commands that repeat the selected cases one by one and run nothing"},
    OptionRow{.name = "strict",
              .help = "no mocks, fallback kernels, suspicious weights or skips of required cases: exit 8",
              .extra_env = "BITNET_STRICT_MODE"},
    OptionRow{.name = "output",
              .aliases = "o",
              .kind = OptionKind::text,
              .value_name = "DIR",
              .help = "write run.json, samples.jsonl, events.jsonl and the documents made of them into DIR"},
    OptionRow{.name = "sign",
              .kind = OptionKind::text,
              .value_name = "FILE",
              .help = "sign the receipt in the run directory with this private key (see 'bitharness keygen')"},
    OptionRow{.name = "json", .help = "print the whole report as JSON on stdout"},
    OptionRow{.name = "emit",
              .kind = OptionKind::choice,
              .value_name = "FORMAT",
              .help = "print this form of the report on stdout; llama-bench: its JSON Lines, from perf",
              .choices = "json|junit|markdown|summary|llama-bench"},
    OptionRow{.name = "quiet", .aliases = "q", .help = "no progress on stderr"},
    OptionRow{.name = "verbose", .aliases = "v", .help = "show every metric on stdout, not only what is not green"},
};

/// The options that repeat a case: all that were given, but those that choose cases or outputs.
std::string repro_options(const Options& options, std::span<const OptionRow> rows) {
  std::string text;
  for (const OptionValue& option : options.values()) {
    const bool left_out = option.name == "filter" || option.name == "list" || option.name == "repro" ||
                          option.name == "output" || option.name == "sign" || option.name == "json" ||
                          option.name == "emit" || option.name == "promote" || option.name == "force" ||
                          option.name == "baselines" || option.name == "quiet" || option.name == "verbose" ||
                          option.name == "config";
    if (left_out || option.source == OptionSource::default_value) continue;
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const OptionRow& item) { return item.name == option.name; });
    const bool is_flag = row == rows.end() || row->kind == OptionKind::flag;
    for (const std::string& value : option.values) {
      if (is_flag && value != "true") continue;
      text += is_flag ? fmt::format(" --{}", option.name) : fmt::format(" --{} {}", option.name, shell_quote(value));
    }
  }
  return text;
}

Result errored(ErrorKind kind, const std::string& reason) {
  Result result;
  result.verdict = Verdict::errored;
  result.reason = reason;
  result.error_kind = to_string(kind);
  return result;
}

/// One run of one suite. The report is guarded by a mutex, because a signal finishes it from another thread.
class SuiteRun {
 public:
  SuiteRun(const App& app, const SuiteRow& row, const Options& options, World& world)
      : app_(app), row_(row), options_(options), world_(world) {}

  int run();

 private:
  void select_cases();
  int list() const;
  void open_directory();
  Result run_case(const Case& item);
  void keep(Result result);
  std::string write_down(Result result);
  void finish();
  void write_run() const;
  void print() const;
  Writer stdout_writer() const;  ///< Error(usage) where the suite has none of that name
  void progress(std::string_view line);
  void rerun(std::string_view case_id, Verdict first, std::string_view reason);
  void on_signal(int signal);

  const App& app_;
  const SuiteRow& row_;
  const Options& options_;
  World& world_;
  std::unique_ptr<Suite> suite_;
  std::mutex mutex_;
  std::mutex progress_mutex_;
  Report report_;
  std::int64_t start_ns_ = 0;
  fs::path directory_;  ///< empty = no run directory
  std::optional<SigningKey> key_;
  std::ofstream samples_;
  EventLog events_{[this] { return world_.clock.steady_ns() - start_ns_; }};
  bool finished_ = false;
  std::unique_ptr<SignalWatcher> watcher_;  ///< last, so that its thread ends before what it uses
};

int SuiteRun::run() {
  start_ns_ = world_.clock.steady_ns();
  report_.started_at = world_.clock.utc_now();
  report_.suite = row_.name;
  report_.command_line = "bitharness";
  for (const std::string& arg : world_.args) report_.command_line += " " + shell_quote(arg);
  report_.strict = options_.flag("strict");
  report_.options = options_.values();
  report_.environment = read_environment();
  if (world_.own_process) {
    watcher_ = std::make_unique<SignalWatcher>(std::chrono::milliseconds(0), [this](int signal) { on_signal(signal); });
  }
  const SuiteContext context{
      &options_,
      app_.subjects,
      world_.clock,
      [this](std::string_view line) { progress(line); },
      [this] { return (watcher_ && watcher_->cancelled()) || (world_.cancelled && world_.cancelled()); },
      [this](std::string_view case_id, Verdict first, std::string_view reason) { rerun(case_id, first, reason); }};
  if (row_.leaves_receipt && options_.has("sign")) {
    if (!options_.has("output")) fail(ErrorKind::usage, "--sign signs what is in the run directory: add -o DIR");
    key_ = SigningKey::read_private(options_.text("sign"));
  }
  static_cast<void>(stdout_writer());  // refused before hours of work, not after
  suite_ = row_.make(context);
  select_cases();
  if (options_.flag("list") || options_.flag("repro")) return list();
  open_directory();
  for (const Case& item : report_.cases) keep(run_case(item));
  const std::lock_guard lock(mutex_);
  finish();
  if (key_) sign_run(directory_, *key_);
  suite_->finished(report_);
  return report_.outcome.exit_code;
}

void SuiteRun::select_cases() {
  std::vector<Case> cases = suite_->expand();
  const auto filters = options_.texts("filter");
  std::set<std::string> ids;
  for (const Case& item : cases) ids.insert(item.id);
  const auto wants = [&](const std::string& filter, const std::string& id) {
    return ids.count(filter) > 0 ? id == filter : matches_filter(id, filter);  // a whole id is that case alone
  };
  std::set<std::string> left_out;
  std::vector<Case> selected;
  for (Case& item : cases) {
    const bool wanted = filters.empty() || std::any_of(filters.begin(), filters.end(), [&](const std::string& filter) {
                          return wants(filter, item.id);
                        });
    if (!wanted) {
      left_out.insert(item.id);
      continue;
    }
    if (item.repro.empty()) {
      item.repro = fmt::format("bitharness {}{} --filter {}", row_.name, repro_options(options_, row_.options),
                               shell_quote(item.id));
    }
    selected.push_back(std::move(item));
  }
  if (selected.empty() && !cases.empty()) {
    progress(fmt::format("--filter {}: none of the {} cases matches; --list shows their ids",
                         shell_quote(filters.front()), cases.size()));
  }
  auto expectations = suite_->expectations();
  expectations.erase(std::remove_if(expectations.begin(), expectations.end(),
                                    [&](const Expectation& item) { return left_out.count(item.case_id) > 0; }),
                     expectations.end());
  const std::lock_guard lock(mutex_);
  report_.cases = std::move(selected);
  report_.expectations = std::move(expectations);
  suite_->describe(report_);
}

int SuiteRun::list() const {
  for (const Case& item : report_.cases) {
    if (options_.flag("repro")) {
      world_.out << item.repro << "\n";
    } else {
      world_.out << item.id << (item.title.empty() ? "" : "  " + item.title) << "\n";
    }
  }
  return static_cast<int>(report_.cases.empty() ? ExitCode::inconclusive : ExitCode::ok);
}

void SuiteRun::open_directory() {
  if (!options_.has("output")) return;
  const std::lock_guard lock(mutex_);
  directory_ = options_.text("output");
  make_folder(directory_);
  // A run that is killed must not look like the finished one before it.
  std::error_code error;
  for (const Writer& writer : writers_of(app_.writers, report_.suite)) {
    if (!writer.file_name.empty()) fs::remove(directory_ / file_name(writer, report_.suite), error);
  }
  fs::remove(directory_ / kEnvelopeFile, error);
  samples_.open(directory_ / "samples.jsonl", std::ios::trunc);
  if (!samples_) fail(ErrorKind::setup, "cannot write into '{}': {}", directory_.string(), std::strerror(errno));
  events_.open(directory_ / "events.jsonl");
  events_.add("run_start", {{"suite", report_.suite},
                            {"started_at", report_.started_at},
                            {"command_line", report_.command_line},
                            {"cases", report_.cases.size()}});
}

Result SuiteRun::run_case(const Case& item) {
  events_.add("case_start", {{"case_id", item.id}});
  const std::int64_t start = world_.clock.steady_ns();
  Result result;
  try {
    result = suite_->run(item);
  } catch (const Error& error) {
    result = errored(error.kind(), error.what());
  } catch (const fs::filesystem_error& error) {
    result = errored(ErrorKind::setup, error.what());
  } catch (const std::bad_alloc&) {
    result = errored(ErrorKind::setup, "out of memory");
  } catch (const std::exception& error) {
    result = errored(ErrorKind::internal, error.what());
  }
  result.case_id = item.id;
  result.duration_ns = world_.clock.steady_ns() - start;
  return result;
}

/// Judges at once: what is written while a run goes on may be all that is left of it.
void SuiteRun::keep(Result result) {
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    judge(result, report_.expectations);
    line = write_down(std::move(result));
  }
  progress(line);
}

/// With mutex_ held. Returns what to say of it, which may block and must not keep a signal from ending the run.
std::string SuiteRun::write_down(Result result) {
  if (samples_.is_open()) {
    samples_ << write_json_line(to_json(result)) << std::endl;
    if (!samples_) fail(ErrorKind::setup, "cannot write samples.jsonl in '{}'; is the disk full?", directory_.string());
  }
  events_.add("case_end", {{"case_id", result.case_id},
                           {"verdict", to_string(result.verdict)},
                           {"reason", result.reason},
                           {"duration_ns", result.duration_ns}});
  report_.results.push_back(std::move(result));
  suite_->describe(report_);
  const Result& kept = report_.results.back();
  return fmt::format("[{}/{}] {} {}{}", report_.results.size(), report_.cases.size(), kept.case_id,
                     to_string(kept.verdict), kept.reason.empty() ? "" : ": " + kept.reason);
}

/// With mutex_ held: judge, write, print.
void SuiteRun::finish() {
  report_.finished_at = world_.clock.utc_now();
  report_.duration_ns = world_.clock.steady_ns() - start_ns_;
  judge(report_);
  events_.add("run_end", {{"exit_code", report_.outcome.exit_code}});
  write_run();
  print();
  finished_ = true;
}

/// Every document is made from the record's text, as `bitharness report` makes it again. The record comes last: where
/// it stands, everything else is complete.
void SuiteRun::write_run() const {
  if (directory_.empty()) return;
  const std::string record = write_json(to_json(report_));
  write_documents(render_documents(app_.writers, record, kRecordFile), directory_);
  AtomicFile file(directory_ / kRecordFile);
  file.write(record);
  file.commit();
}

Writer SuiteRun::stdout_writer() const {
  std::string wanted = options_.flag("json") ? "json" : "console";
  if (options_.has("emit")) {
    if (options_.flag("json")) fail(ErrorKind::usage, "--json and --emit both say what to print; take one");
    wanted = options_.text("emit");
  }
  for (const Writer& writer : writers_of(app_.writers, row_.name)) {
    if (writer.name == wanted) return writer;
  }
  fail(ErrorKind::usage, "--emit {}: the suite {} has no such form", wanted, row_.name);
}

void SuiteRun::print() const {
  const char* no_colour = world_.getenv("NO_COLOR");
  const WriterStyle style{.colour = world_.out_is_terminal && (no_colour == nullptr || *no_colour == '\0'),
                          .verbose = options_.flag("verbose")};
  world_.out << stdout_writer().render(report_, style) << std::flush;
}

void SuiteRun::progress(std::string_view line) {
  if (options_.flag("quiet")) return;
  std::string text = to_valid_utf8(line);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  const std::lock_guard lock(progress_mutex_);
  world_.err << text << std::endl;
}

void SuiteRun::rerun(std::string_view case_id, Verdict first, std::string_view reason) {
  events_.add("rerun", {{"case_id", case_id}, {"verdict", to_string(first)}, {"reason", reason}});
  progress(fmt::format("{} {}: measuring once more", case_id, to_string(first)));
}

/// On the watcher's thread. The case in progress is not waited for: it is reported as interrupted.
void SuiteRun::on_signal(int signal) {
  const std::lock_guard lock(mutex_);
  if (finished_) return;  // too late to interrupt anything
  try {
    report_.interrupted_by_signal = signal;
    events_.add("signal", {{"signal", signal}});
    for (std::size_t i = report_.results.size(); i < report_.cases.size(); ++i) {
      Result result;
      result.case_id = report_.cases[i].id;
      result.verdict = Verdict::interrupted;
      result.reason = fmt::format("the run was ended by {}", strsignal(signal));
      report_.results.push_back(std::move(result));
    }
    finish();
  } catch (const std::exception& error) {
    progress(fmt::format("bitharness: error: the interrupted run could not be written: {}", error.what()));
  }
  ::_exit(kSignalBase + signal);
}

}  // namespace

std::vector<OptionRow> suite_rows(const SuiteRow& suite) {
  std::vector<OptionRow> rows;
  std::copy_if(kSuiteRows.begin(), kSuiteRows.end(), std::back_inserter(rows),
               [&](const OptionRow& row) { return row.name != "sign" || suite.leaves_receipt; });
  return rows;
}

int run_suite(const App& app, const SuiteRow& row, const Options& options, World& world) {
  return SuiteRun(app, row, options, world).run();
}

}  // namespace bh::harness
