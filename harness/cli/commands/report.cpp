// bitharness report: makes the documents of a run again from its record, checks that published ones are what the record
// gives, and joins several runs to a history.
#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "harness/cli/commands.h"
#include "harness/cli/documents.h"
#include "harness/core/anonymous.h"
#include "harness/core/exit_code.h"
#include "harness/core/report_json.h"
#include "harness/core/text.h"
#include "harness/io/sha256.h"

namespace bh::harness {

namespace {

namespace fs = std::filesystem;

constexpr std::array kRows = {
    OptionRow{.name = "run",
              .kind = OptionKind::text,
              .value_name = "RUN",
              .help = "a run.json or the folder that holds it; several make a history",
              .repeatable = true,
              .positional = true},
    OptionRow{.name = "output",
              .aliases = "o",
              .kind = OptionKind::text,
              .value_name = "DIR",
              .help = "write the documents into DIR; with --check: where they stand"},
    OptionRow{.name = "format",
              .kind = OptionKind::choice,
              .value_name = "NAME",
              .help = "only this document; without -o it goes to stdout",
              .choices = "console|html|json|junit|markdown|receipt|summary|verdicts"},
    OptionRow{.name = "check",
              .help = "write nothing; exit 1 if a document that the record gives is missing or another"},
    OptionRow{.name = "anonymous", .help = "leave out host name and folders, in the record too; needs -o"},
};

struct Run {
  std::string path;  ///< of run.json
  std::string record;
  Report report;
};

Run open_run(const std::string& given) {
  std::error_code error;
  Run run;
  run.path = fs::is_directory(given, error) ? (fs::path(given) / kRecordFile).string() : given;
  const MappedFile file = MappedFile::open(run.path);
  run.record.assign(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  run.report = report_from_json(parse_json(run.record, run.path), run.path);
  return run;
}

const Writer& writer_named(const std::vector<Writer>& writers, std::string_view name) {
  for (const Writer& writer : writers) {
    if (writer.name == name) return writer;
  }
  fail(ErrorKind::internal, "there is no writer '{}'", name);
}

std::string render_one(CommandContext& context, const Run& run, const std::string& format) {
  if (format == "json") return run.record;
  const WriterStyle style{.colour = false, .verbose = false, .record_sha256 = sha256_hex(run.record)};
  return writer_named(writers_of(context.app.writers, run.report.suite), format).render(run.report, style);
}

/// The documents that were asked for.
std::vector<Document> documents_of(CommandContext& context, const Run& run) {
  auto documents = render_documents(context.app.writers, run.record, run.path);
  const std::string format = context.options.text("format");
  if (!format.empty()) {
    documents.erase(std::remove_if(documents.begin(), documents.end(),
                                   [&](const Document& document) { return document.writer != format; }),
                    documents.end());
    if (documents.empty()) fail(ErrorKind::usage, "{} gives no document of --format {}", run.path, format);
  }
  return documents;
}

/// "line 12: '...' where the record gives '...'"; empty if equal.
std::string first_difference(std::string_view published, std::string_view wanted) {
  if (published == wanted) return "";
  const auto next_line = [](std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
  };
  const auto shown = [](std::string_view line) {
    return shell_quote(line.size() > 90 ? std::string(line.substr(0, 90)) + "..." : std::string(line));
  };
  for (std::size_t line = 1;; ++line) {
    if (published.empty() || wanted.empty()) {
      return fmt::format("line {}: {}", line, published.empty() ? "it ends too early" : "it goes on too long");
    }
    const auto here = next_line(published), there = next_line(wanted);
    if (here == there) continue;
    return fmt::format("line {}: {} where the record gives {}", line, shown(here), shown(there));
  }
}

int check_run(CommandContext& context, const Run& run) {
  const fs::path folder =
      context.options.has("output") ? fs::path(context.options.text("output")) : fs::path(run.path).parent_path();
  int same = 0, different = 0;  // or missing
  for (const Document& document : documents_of(context, run)) {
    const fs::path path = folder / document.file_name;
    std::error_code error;
    if (!fs::exists(path, error)) {
      ++different;
      context.out << fmt::format("absent   {}\n", path.string());
      continue;
    }
    std::string published;
    if (fs::file_size(path, error) > 0) {
      const MappedFile file = MappedFile::open(path);
      published.assign(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
    }
    const std::string difference = first_difference(published, document.text);
    ++(difference.empty() ? same : different);
    context.out << fmt::format("{}  {}{}\n", difference.empty() ? "same   " : "differs", path.string(),
                               difference.empty() ? "" : ": " + difference);
  }
  if (different > 0) return static_cast<int>(ExitCode::failed);
  return static_cast<int>(same > 0 ? ExitCode::ok : ExitCode::inconclusive);
}

int write_run(CommandContext& context, Run run) {
  const bool anonymised = context.options.flag("anonymous");
  if (anonymised) {
    run.report = anonymous(run.report);
    run.record = write_json(to_json(run.report));
  }
  if (!context.options.has("output")) {
    if (anonymised) fail(ErrorKind::usage, "--anonymous makes a new record: say with -o DIR where it goes");
    context.out << render_one(context, run, context.options.has("format") ? context.options.text("format") : "console");
    return 0;
  }
  const fs::path folder = context.options.text("output");
  make_folder(folder);
  write_documents(documents_of(context, run), folder);
  if (anonymised) write_documents({{"json", std::string(kRecordFile), run.record}}, folder);
  return 0;
}

int write_history(CommandContext& context, std::vector<Run> runs) {
  std::stable_sort(runs.begin(), runs.end(),
                   [](const Run& a, const Run& b) { return a.report.started_at < b.report.started_at; });
  std::vector<Report> reports;
  for (Run& run : runs) {
    if (run.report.suite != runs.front().report.suite) {
      fail(ErrorKind::usage, "a history is of one suite: '{}' is of {}, '{}' of {}", runs.front().path,
           runs.front().report.suite, run.path, run.report.suite);
    }
    reports.push_back(std::move(run.report));
    run.report.suite = reports.back().suite;
  }
  const std::string format = context.options.has("format") ? context.options.text("format") : "";
  const auto writers = writers_of(context.app.writers, reports.back().suite);
  if (!context.options.has("output")) {
    const Writer& writer = writer_named(writers, format.empty() ? "markdown" : format);
    if (writer.render_history == nullptr) fail(ErrorKind::usage, "--format {} shows one run only", format);
    context.out << writer.render_history(reports);
    return 0;
  }
  std::vector<Document> documents;
  for (const Writer& writer : writers) {
    if (writer.render_history == nullptr || (!format.empty() && writer.name != format)) continue;
    const std::string extension = fs::path(writer.file_name).extension().string();
    documents.push_back({std::string(writer.name), "history" + extension, writer.render_history(reports)});
  }
  if (documents.empty()) fail(ErrorKind::usage, "--format {} shows one run only", format);
  make_folder(context.options.text("output"));
  write_documents(documents, context.options.text("output"));
  return 0;
}

int run(CommandContext& context) {
  std::vector<Run> runs;
  for (const std::string& given : context.options.texts("run")) runs.push_back(open_run(given));
  if (runs.empty()) fail(ErrorKind::usage, "which run? give a run.json or the folder that holds it");
  if (context.options.flag("check")) {
    if (context.options.flag("anonymous")) fail(ErrorKind::usage, "--check writes nothing; leave --anonymous away");
    if (runs.size() > 1 && context.options.has("output")) {
      fail(ErrorKind::usage, "--check -o DIR is for one run: the documents of several do not stand in one folder");
    }
    int worst = 0;
    for (const Run& item : runs) {
      const int code = check_run(context, item);
      worst = worst == 1 || code == 1 ? 1 : std::max(worst, code);
    }
    return worst;
  }
  if (runs.size() == 1) return write_run(context, std::move(runs.front()));
  if (context.options.flag("anonymous")) fail(ErrorKind::usage, "--anonymous is for one run");
  return write_history(context, std::move(runs));
}

}  // namespace

const CommandRow kReportCommand{"report", "Makes, checks or joins the documents of runs from their run.json",
                                "RUN.json|DIR... [options]", kRows, run};

}  // namespace bh::harness
