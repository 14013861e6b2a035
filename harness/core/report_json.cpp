#include "harness/core/report_json.h"

#include <algorithm>

#include <cmath>
#include <limits>

#include "engine/base/error.h"
#include "harness/core/text.h"

namespace bh::harness {

namespace {

json::value number_or_null(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value)) return nullptr;
  return *value;
}

json::array strings(const std::vector<std::string>& values) {
  json::array array;
  for (const auto& value : values) array.emplace_back(value);
  return array;
}

json::object environment_json(const Environment& e) {
  return {{"bitharness_version", e.bitharness_version},
          {"git_describe", e.git_describe},
          {"build_type", e.build_type},
          {"compiler", e.compiler},
          {"host_name", e.host_name},
          {"os", e.os},
          {"architecture", e.architecture},
          {"cpu_model", e.cpu_model},
          {"cpu_features", strings(e.cpu_features)},
          {"logical_cores", e.logical_cores},
          {"usable_cores", e.usable_cores},
          {"memory_bytes", e.memory_bytes},
          {"l1d_bytes", e.l1d_bytes},
          {"l2_bytes", e.l2_bytes},
          {"l3_bytes", e.l3_bytes},
          {"load_average_1m", number_or_null(e.load_average_1m)}};
}

json::object case_json(const Case& item) {
  return {{"id", item.id}, {"title", item.title}, {"params", item.params}, {"repro", item.repro}};
}

json::object option_json(const OptionValue& option) {
  return {{"name", option.name}, {"values", strings(option.values)}, {"source", to_string(option.source)}};
}

json::object violation_json(const Violation& violation) {
  return {
      {"type", violation.type}, {"device", violation.device}, {"layer", violation.layer}, {"reason", violation.reason}};
}

/// Typed reads that fail with Error(setup) naming the document.
class Reader {
 public:
  Reader(const json::value& value, std::string_view what) : what_(what) {
    if (!value.is_object()) fail(ErrorKind::setup, "{}: an object is expected where {} stands", what, kind(value));
    object_ = &value.get_object();
  }
  std::string text(std::string_view key) const { return get_string(*object_, key, what_); }
  std::int64_t integer(std::string_view key) const {
    // A document made in memory holds unsigned values where a parsed one holds signed ones.
    if (at(key).is_uint64() && at(key).get_uint64() <= std::numeric_limits<std::int64_t>::max()) {
      return static_cast<std::int64_t>(at(key).get_uint64());
    }
    return get_int(*object_, key, what_);
  }
  bool boolean(std::string_view key) const { return get_bool(*object_, key, what_); }
  std::optional<double> number(std::string_view key) const {
    if (at(key).is_null()) return std::nullopt;
    return get_number(*object_, key, what_);
  }
  std::uint64_t bytes(std::string_view key) const {
    const auto value = integer(key);
    if (value < 0) fail(ErrorKind::setup, "{}: '{}' is negative", what_, key);
    return static_cast<std::uint64_t>(value);
  }
  json::object object(std::string_view key) const {
    if (!at(key).is_object()) fail(ErrorKind::setup, "{}: '{}' is no object", what_, key);
    return at(key).get_object();
  }
  Reader reader(std::string_view key) const { return {at(key), what_}; }
  const json::array& array(std::string_view key) const {
    if (!at(key).is_array()) fail(ErrorKind::setup, "{}: '{}' is no array", what_, key);
    return at(key).get_array();
  }
  std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> values;
    for (const auto& value : array(key)) {
      if (!value.is_string()) fail(ErrorKind::setup, "{}: '{}' holds something else than strings", what_, key);
      values.emplace_back(value.get_string().data(), value.get_string().size());
    }
    return values;
  }
  std::vector<double> numbers(std::string_view key) const {
    std::vector<double> values;
    for (const auto& value : array(key)) {
      if (value.is_null()) {  // a sample that was not finite
        values.push_back(std::numeric_limits<double>::quiet_NaN());
        continue;
      }
      if (!value.is_number()) fail(ErrorKind::setup, "{}: '{}' holds something else than numbers", what_, key);
      values.push_back(value.to_number<double>());
    }
    return values;
  }
  /// Refuses keys that nobody reads: a document of a later schema must not be taken for this one.
  void only(std::initializer_list<std::string_view> keys) const {
    for (const auto& member : *object_) {
      const std::string_view key(member.key().data(), member.key().size());
      bool known = false;
      for (const auto candidate : keys) known = known || candidate == key;
      if (!known) fail(ErrorKind::setup, "{}: unknown key '{}'", what_, key);
    }
  }
  const json::value& at(std::string_view key) const {
    const json::value* value = find(*object_, key);
    if (value == nullptr) fail(ErrorKind::setup, "{}: '{}' is missing", what_, key);
    return *value;
  }
  std::string_view what() const { return what_; }

 private:
  static std::string_view kind(const json::value& value) {
    return value.is_array() ? "an array" : value.is_string() ? "a string" : "a plain value";
  }
  const json::object* object_ = nullptr;
  std::string_view what_;
};

Verdict read_verdict(const Reader& in, std::string_view key) {
  const auto verdict = verdict_from(in.text(key));
  if (!verdict) fail(ErrorKind::setup, "{}: '{}' is no verdict", in.what(), in.text(key));
  return *verdict;
}

/// 0, or a number that Linux gives a signal: an exit code is made of it.
int read_signal(const Reader& in) {
  const auto signal = in.integer("interrupted_by_signal");
  if (signal < 0 || signal > 64) fail(ErrorKind::setup, "{}: {} is no signal; make it again", in.what(), signal);
  return static_cast<int>(signal);
}

/// Words that become names of files and folders.
std::string name_like(const std::string& text, std::string_view key) {
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
  if (!plain || (!text.empty() && text.front() == '.')) {
    fail(ErrorKind::setup, "{} of a run record is no plain name of letters, digits and - _ .", key);
  }
  return text;
}

Environment read_environment(const Reader& in) {
  Environment e;
  e.bitharness_version = in.text("bitharness_version");
  e.git_describe = in.text("git_describe");
  e.build_type = in.text("build_type");
  e.compiler = in.text("compiler");
  e.host_name = in.text("host_name");
  e.os = in.text("os");
  e.architecture = name_like(in.text("architecture"), "architecture");
  e.cpu_model = in.text("cpu_model");
  e.cpu_features = in.texts("cpu_features");
  for (const std::string& feature : e.cpu_features) name_like(feature, "cpu_features");
  e.logical_cores = static_cast<int>(in.integer("logical_cores"));
  e.usable_cores = static_cast<int>(in.integer("usable_cores"));
  e.memory_bytes = in.bytes("memory_bytes");
  e.l1d_bytes = in.bytes("l1d_bytes");
  e.l2_bytes = in.bytes("l2_bytes");
  e.l3_bytes = in.bytes("l3_bytes");
  e.load_average_1m = in.number("load_average_1m").value_or(0.0);
  return e;
}

Metric read_metric(const Reader& in) {
  in.only({"name", "unit", "value", "samples", "note"});
  return {in.text("name"), in.text("unit"), in.number("value"), in.numbers("samples"), in.text("note")};
}

Result read_result(const Reader& in) {
  in.only({"case_id", "verdict", "reason", "metrics", "details", "violations", "error_kind", "duration_ns"});
  Result result;
  result.case_id = in.text("case_id");
  result.verdict = read_verdict(in, "verdict");
  result.reason = in.text("reason");
  for (const auto& metric : in.array("metrics")) result.metrics.push_back(read_metric({metric, in.what()}));
  result.details = in.object("details");
  for (const auto& value : in.array("violations")) {
    const Reader violation(value, in.what());
    result.violations.push_back(
        {violation.text("type"), violation.text("device"), violation.text("layer"), violation.text("reason")});
  }
  result.error_kind = in.text("error_kind");
  result.duration_ns = in.integer("duration_ns");
  return result;
}

Expectation read_expectation(const Reader& in) {
  in.only({"case_id", "metric", "min", "max", "source", "required", "on_violation"});
  return {in.text("case_id"),
          in.text("metric"),
          in.number("min"),
          in.number("max"),
          in.text("source"),
          in.boolean("required"),
          read_verdict(in, "on_violation")};
}

OptionValue read_option(const Reader& in) {
  in.only({"name", "values", "source"});
  OptionValue option{in.text("name"), in.texts("values"), OptionSource::default_value};
  const std::string source = in.text("source");
  for (const auto candidate : {OptionSource::default_value, OptionSource::config_file, OptionSource::environment,
                               OptionSource::command_line}) {
    if (to_string(candidate) == source) option.source = candidate;
  }
  return option;
}

}  // namespace

json::object to_json(const Metric& metric) {
  json::array samples;
  for (const double sample : metric.samples) {
    samples.push_back(std::isfinite(sample) ? json::value(sample) : json::value(nullptr));
  }
  const bool lost = metric.value && !std::isfinite(*metric.value);
  return {{"name", metric.name},
          {"unit", metric.unit},
          {"value", number_or_null(metric.value)},
          {"samples", std::move(samples)},
          {"note", lost && metric.note.empty() ? std::string("the value is not finite") : metric.note}};
}

json::object to_json(const Result& result) {
  json::array metrics, violations;
  for (const auto& metric : result.metrics) metrics.push_back(to_json(metric));
  for (const auto& violation : result.violations) violations.push_back(violation_json(violation));
  json::value document = json::object{{"case_id", result.case_id},       {"verdict", to_string(result.verdict)},
                                      {"reason", result.reason},         {"metrics", std::move(metrics)},
                                      {"details", result.details},       {"violations", std::move(violations)},
                                      {"error_kind", result.error_kind}, {"duration_ns", result.duration_ns}};
  make_valid_utf8(document);
  return std::move(document.get_object());
}

json::object to_json(const Expectation& expectation) {
  return {{"case_id", expectation.case_id},
          {"metric", expectation.metric},
          {"min", number_or_null(expectation.min)},
          {"max", number_or_null(expectation.max)},
          {"source", expectation.source},
          {"required", expectation.required},
          {"on_violation", to_string(expectation.on_violation)}};
}

json::object to_json(const Report& report) {
  json::array options, cases, results, expectations;
  for (const auto& option : report.options) options.push_back(option_json(option));
  for (const auto& item : report.cases) cases.push_back(case_json(item));
  for (const auto& result : report.results) results.push_back(to_json(result));
  for (const auto& expectation : report.expectations) expectations.push_back(to_json(expectation));
  json::value document =
      json::object{{"schema", report.schema},
                   {"suite", report.suite},
                   {"command_line", report.command_line},
                   {"started_at", report.started_at},
                   {"finished_at", report.finished_at},
                   {"duration_ns", report.duration_ns},
                   {"interrupted_by_signal", report.interrupted_by_signal},
                   {"strict", report.strict},
                   {"outcome", {{"exit_code", report.outcome.exit_code}, {"reasons", strings(report.outcome.reasons)}}},
                   {"environment", environment_json(report.environment)},
                   {"options", std::move(options)},
                   {"subject", report.subject},
                   {"notes", report.notes},
                   {"cases", std::move(cases)},
                   {"results", std::move(results)},
                   {"expectations", std::move(expectations)}};
  make_valid_utf8(document);
  return std::move(document.get_object());
}

Report report_from_json(const json::value& value, std::string_view what) {
  const Reader in(value, what);
  Report report;
  report.schema = in.text("schema");
  if (report.schema != kReportSchema) {
    fail(ErrorKind::setup, "{}: schema '{}' is not {}; make it again with this bitharness", what, report.schema,
         kReportSchema);
  }
  in.only({"schema", "suite", "command_line", "started_at", "finished_at", "duration_ns", "interrupted_by_signal",
           "strict", "outcome", "environment", "options", "subject", "notes", "cases", "results", "expectations"});
  report.suite = name_like(in.text("suite"), "suite");
  report.command_line = in.text("command_line");
  report.started_at = in.text("started_at");
  report.finished_at = in.text("finished_at");
  report.duration_ns = in.integer("duration_ns");
  report.interrupted_by_signal = read_signal(in);
  report.strict = in.boolean("strict");
  const Reader outcome = in.reader("outcome");
  report.outcome = {static_cast<int>(outcome.integer("exit_code")), outcome.texts("reasons")};
  report.environment = read_environment(in.reader("environment"));
  for (const auto& item : in.array("options")) report.options.push_back(read_option({item, what}));
  report.subject = in.object("subject");
  report.notes = in.object("notes");
  for (const auto& element : in.array("cases")) {
    const Reader item(element, what);
    item.only({"id", "title", "params", "repro"});
    report.cases.push_back({item.text("id"), item.text("title"), item.object("params"), item.text("repro")});
  }
  for (const auto& item : in.array("results")) report.results.push_back(read_result({item, what}));
  for (const auto& item : in.array("expectations")) report.expectations.push_back(read_expectation({item, what}));
  return report;
}

}  // namespace bh::harness
