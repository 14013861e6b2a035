#include "suites/subjects/subject_options.h"

#include <cmath>

#include "engine/base/error.h"
#include "suites/subjects/subjects.h"

namespace bh::suites {

namespace {

bool is_url(std::string_view text) noexcept { return text.find("://") != std::string_view::npos; }

}  // namespace

bool is_elsewhere(std::string_view name) noexcept { return name != "engine" && name != "mock"; }

const harness::SubjectRow& choose_subject(std::span<const harness::SubjectRow> rows, const harness::Options& options) {
  const std::string wanted = options.text("subject");
  if (is_url(wanted) && options.has("subject-address")) {
    fail(ErrorKind::usage, "--subject {} is an address already; leave out --subject-address", wanted);
  }
  const harness::SubjectRow& row = find_subject(rows, is_url(wanted) ? "http" : wanted);
  if (!is_elsewhere(row.name) && options.has("subject-address")) {
    fail(ErrorKind::usage, "--subject {} is part of this program: it has no --subject-address", row.name);
  }
  if (is_elsewhere(row.name) && !is_url(wanted) && !options.has("subject-address")) {
    fail(ErrorKind::usage, "--subject {} is not part of this program: say where it is with --subject-address",
         row.name);
  }
  if (row.name != "http" && options.has("api-key-file")) {
    fail(ErrorKind::usage, "--api-key-file is for a server (--subject URL), not for --subject {}", row.name);
  }
  return row;
}

void apply_subject_options(const harness::Options& options, harness::SubjectSettings& settings) {
  const std::string wanted = options.text("subject");
  settings.address = is_url(wanted) ? wanted : options.text("subject-address");
  settings.api_key_file = options.text("api-key-file");
  settings.time_limit = std::chrono::milliseconds(std::llround(options.number("time-limit") * 1000));
}

}  // namespace bh::suites
