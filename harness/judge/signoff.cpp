#include "harness/judge/signoff.h"

#include <algorithm>
#include <array>

#include "engine/base/error.h"
#include "harness/core/exit_code.h"
#include "harness/core/text.h"

namespace bh::harness {

namespace {

/// The order of harness/core/exit_code.cpp.
constexpr std::array kWorstFirst = {ExitCode::internal, ExitCode::setup, ExitCode::strict, ExitCode::failed,
                                    ExitCode::inconclusive};

/// What a stage's exit code counts as. One that a run never has (2, or that of a signal) means that it could not be
/// held.
ExitCode weight(int exit_code) {
  for (const ExitCode code : kWorstFirst) {
    if (exit_code == static_cast<int>(code)) return code;
  }
  return exit_code == 0 ? ExitCode::ok : ExitCode::setup;
}

bool is_date(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  if (text.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kForm[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != kForm[i]) return false;
  }
  return text.substr(5, 2) >= "01" && text.substr(5, 2) <= "12" && text.substr(8) >= "01" && text.substr(8) <= "31";
}

Waiver* find_waiver(std::vector<Waiver>& waivers, const std::string& name) {
  const auto found = std::find_if(waivers.begin(), waivers.end(),
                                  [&](const Waiver& waiver) { return !waiver.expired && waiver.name == name; });
  return found == waivers.end() ? nullptr : &*found;
}

/// A stage is excused by its own name, or where each case that stands in its way is.
bool excuse(const Stage& stage, std::vector<Waiver>& waivers) {
  if (stage.exit_code == 0 || stage.exit_code == static_cast<int>(ExitCode::internal)) return false;
  if (Waiver* whole = find_waiver(waivers, stage.name)) return whole->used = true;
  bool all = !stage.blocking.empty();
  for (const std::string& id : stage.blocking) {
    Waiver* waiver = find_waiver(waivers, id);
    if (waiver != nullptr) waiver->used = true;
    all = all && waiver != nullptr;
  }
  return all;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : "; ") + text;
  return all;
}

json::array strings(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

/// Text of a table cell: nothing in it is taken for markup.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : one_line(text)) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (std::string_view("|*_`[]\\").find(c) != std::string_view::npos)
      out += std::string("\\") + c;
    else
      out += c;
  }
  return out;
}

std::string_view word(Verdict verdict) { return verdict == Verdict::untrusted ? "inconclusive" : to_string(verdict); }

std::string_view state(const Waiver& waiver) { return waiver.expired ? "expired" : waiver.used ? "used" : "unused"; }

}  // namespace

std::vector<Waiver> read_waivers(const json::value& document, std::string_view what, std::string_view today) {
  const json::value* list = document.is_object() ? find(document.get_object(), "waivers") : nullptr;
  if (list == nullptr || !list->is_array() || get_string(document.get_object(), "schema", what) != kWaiversSchema) {
    fail(ErrorKind::setup, "{} is no list of waivers: an object with the schema {} is expected", what, kWaiversSchema);
  }
  std::vector<Waiver> waivers;
  for (const json::value& item : list->get_array()) {
    if (!item.is_object()) fail(ErrorKind::setup, "{}: a waiver is no object", what);
    const json::object& object = item.get_object();
    Waiver waiver{get_string(object, "name", what), get_string(object, "reason", what),
                  get_string(object, "expires", what)};
    if (object.size() != 3) fail(ErrorKind::setup, "{}: a waiver has name, reason and expires, no more", what);
    if (waiver.name.empty() || waiver.reason.empty())
      fail(ErrorKind::setup, "{}: a waiver needs name and reason", what);
    if (!is_date(waiver.expires))
      fail(ErrorKind::setup, "{}: expires '{}' is no date like 2027-01-31", what, waiver.expires);
    waiver.expired = waiver.expires < today;
    waivers.push_back(std::move(waiver));
  }
  return waivers;
}

void conclude(Signoff& signoff) {
  signoff.exit_code = 0;
  signoff.reasons.clear();
  signoff.warnings.clear();
  for (Stage& stage : signoff.stages) {
    stage.waived = excuse(stage, signoff.waivers);
    const std::string why = fmt::format("{}: {}", stage.name, joined(stage.reasons));
    if (stage.waived) signoff.warnings.push_back("waived: " + why);
    if (stage.exit_code == 0 && stage.verdict != Verdict::passed) signoff.warnings.push_back(why);
  }
  for (const ExitCode code : kWorstFirst) {
    for (const Stage& stage : signoff.stages) {
      if (stage.waived || weight(stage.exit_code) != code) continue;
      if (signoff.exit_code == 0) signoff.exit_code = static_cast<int>(code);
      signoff.reasons.push_back(fmt::format("{} {}: {}", stage.name, word(stage.verdict), joined(stage.reasons)));
    }
  }
  if (signoff.stages.empty()) {
    signoff.exit_code = static_cast<int>(ExitCode::inconclusive);
    signoff.reasons.emplace_back("no stage ran");
  }
  for (const Waiver& waiver : signoff.waivers) {
    if (waiver.used) continue;
    signoff.warnings.push_back(
        waiver.expired ? fmt::format("the waiver of {} expired on {}: it excuses nothing", waiver.name, waiver.expires)
                       : fmt::format("the waiver of {} was not needed: take it away", waiver.name));
  }
}

std::string_view headline(const Signoff& signoff) {
  if (signoff.exit_code == 0) return "SIGNED OFF";
  return signoff.exit_code == static_cast<int>(ExitCode::inconclusive) ? "INCONCLUSIVE" : "NOT SIGNED OFF";
}

json::object to_json(const Signoff& signoff) {
  json::array stages, waivers;
  for (const Stage& stage : signoff.stages) {
    stages.push_back(json::object{{"name", stage.name},
                                  {"verdict", word(stage.verdict)},
                                  {"exit_code", stage.exit_code},
                                  {"waived", stage.waived},
                                  {"reasons", strings(stage.reasons)},
                                  {"blocking", strings(stage.blocking)},
                                  {"evidence", stage.evidence},
                                  {"duration_ns", stage.duration_ns}});
  }
  for (const Waiver& waiver : signoff.waivers) {
    waivers.push_back(json::object{
        {"name", waiver.name}, {"reason", waiver.reason}, {"expires", waiver.expires}, {"state", state(waiver)}});
  }
  json::value document = json::object{{"schema", kSignoffSchema},
                                      {"verdict", headline(signoff)},
                                      {"exit_code", signoff.exit_code},
                                      {"reasons", strings(signoff.reasons)},
                                      {"warnings", strings(signoff.warnings)},
                                      {"started_at", signoff.started_at},
                                      {"finished_at", signoff.finished_at},
                                      {"duration_ns", signoff.duration_ns},
                                      {"bitharness_version", signoff.bitharness_version},
                                      {"git_describe", signoff.git_describe},
                                      {"host_name", signoff.host_name},
                                      {"stages", std::move(stages)},
                                      {"waivers", std::move(waivers)}};
  make_valid_utf8(document);
  return std::move(document.get_object());
}

std::string to_markdown(const Signoff& signoff) {
  std::string out = fmt::format("# Sign-off: {}\n\nbitharness {}{} on {}, {}, exit code {}.\n\n", headline(signoff),
                                cell(signoff.bitharness_version),
                                signoff.git_describe.empty() ? "" : " (" + cell(signoff.git_describe) + ")",
                                cell(signoff.host_name), signoff.finished_at, signoff.exit_code);
  for (const std::string& reason : signoff.reasons) out += fmt::format("- {}\n", cell(reason));
  if (!signoff.reasons.empty()) out += "\n";
  out += "| Stage | Verdict | Evidence | Seconds | Why |\n|---|---|---|---|---|\n";
  for (const Stage& stage : signoff.stages) {
    out += fmt::format("| {} | {}{} | {} | {:.1f} | {} |\n", cell(stage.name), word(stage.verdict),
                       stage.waived ? ", waived" : "",
                       stage.evidence.empty() ? "none" : fmt::format("[{0}]({0})", stage.evidence),
                       static_cast<double>(stage.duration_ns) * 1e-9, cell(joined(stage.reasons)));
  }
  if (!signoff.warnings.empty()) out += "\nWarnings, which do not block:\n\n";
  for (const std::string& warning : signoff.warnings) out += fmt::format("- {}\n", cell(warning));
  if (!signoff.waivers.empty()) out += "\n| Waiver | State | Expires | Reason |\n|---|---|---|---|\n";
  for (const Waiver& waiver : signoff.waivers) {
    out +=
        fmt::format("| {} | {} | {} | {} |\n", cell(waiver.name), state(waiver), waiver.expires, cell(waiver.reason));
  }
  return out;
}

}  // namespace bh::harness
