// The options by which a run chooses its subject, shared by all suites that test one.
#pragma once

#include <span>
#include <string>

#include "harness/core/options.h"
#include "harness/core/subject.h"

namespace bh::suites {

namespace subject_rows {
using harness::OptionKind;
using harness::OptionRow;
inline constexpr OptionRow kSubject{.name = "subject",
                                    .kind = OptionKind::text,
                                    .value_name = "NAME|URL",
                                    .default_value = "engine",
                                    .help = "what is tested: engine, mock, bitnet_cpp, previous_build, http, or a URL"};
inline constexpr OptionRow kSubjectAddress{
    .name = "subject-address",
    .kind = OptionKind::text,
    .value_name = "PATH|URL",
    .help = "where it is: the folder of bitnet_cpp or its adapter, the binary of previous_build, the server of http"};
inline constexpr OptionRow kApiKeyFile{.name = "api-key-file",
                                       .kind = OptionKind::text,
                                       .value_name = "FILE",
                                       .help = "the server's API key, the first line of FILE"};
inline constexpr OptionRow kTimeLimit{.name = "time-limit",
                                      .kind = OptionKind::number,
                                      .value_name = "SECONDS",
                                      .default_value = "600",
                                      .help = "for each answer of a subject in another process or machine",
                                      .min = 0.001,
                                      .max = 1e6};
}  // namespace subject_rows

/// The row that --subject means; a URL means http. Throws Error(usage) on an unknown name, and where an address or a
/// key is given to a subject that has none.
const harness::SubjectRow& choose_subject(std::span<const harness::SubjectRow> rows, const harness::Options& options);

/// Whether a subject of this name lives in another process or machine.
bool is_elsewhere(std::string_view name) noexcept;

/// Sets address, key file and time limit; the other settings are the suite's.
void apply_subject_options(const harness::Options& options, harness::SubjectSettings& settings);

}  // namespace bh::suites
