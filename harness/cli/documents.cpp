#include "harness/cli/documents.h"

#include <system_error>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "harness/core/report_json.h"
#include "harness/io/sha256.h"

namespace bh::harness {

namespace fs = std::filesystem;

std::vector<Document> render_documents(std::span<const Writer> writers, std::string_view record,
                                       std::string_view what) {
  const Report report = report_from_json(parse_json(record, what), what);
  const WriterStyle style{.colour = false, .verbose = false, .record_sha256 = sha256_hex(record)};
  std::vector<Document> documents;
  for (const Writer& writer : writers_of(writers, report.suite)) {
    if (writer.file_name.empty() || writer.file_name == kRecordFile) continue;
    std::string text = writer.render(report, style);
    if (text.empty()) continue;
    documents.push_back({std::string(writer.name), file_name(writer, report.suite), std::move(text)});
  }
  return documents;
}

void write_documents(const std::vector<Document>& documents, const fs::path& folder) {
  for (const Document& document : documents) {
    AtomicFile file(folder / document.file_name);
    file.write(document.text);
    file.commit();
  }
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder)) {
    fail(ErrorKind::setup, "cannot make the folder '{}': {}", folder.string(),
         error ? error.message() : "something else has that name");
  }
}

}  // namespace bh::harness
