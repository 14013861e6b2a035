// The documents of a run, made from its record alone: what run_suite writes and `bitharness report` makes again.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/writer.h"

namespace bh::harness {

struct Document {
  std::string writer;     ///< the writer's name
  std::string file_name;  ///< in the run directory
  std::string text;
};

/// Every document but the record itself. `record` is the text of a run.json, `what` names it in the Error(setup) thrown
/// where it is none.
std::vector<Document> render_documents(std::span<const Writer> writers, std::string_view record, std::string_view what);

/// Writes them into a folder, each all or nothing. Throws Error(setup).
void write_documents(const std::vector<Document>& documents, const std::filesystem::path& folder);

/// Makes a folder and those above it. Throws Error(setup).
void make_folder(const std::filesystem::path& folder);

}  // namespace bh::harness
