// What stands in reports/published/ is what its record gives, to the byte, and tells of nobody's machine.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "harness/cli/documents.h"
#include "harness/core/anonymous.h"
#include "harness/core/report_json.h"
#include "reports/writers.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"

using namespace bh;
using namespace bh::harness;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("published reports are what their records give, whole and anonymous") {
  int runs = 0;
  for (const auto& folder : fs::directory_iterator(fs::path(bh::test::kSourceDir) / "reports/published")) {
    if (!folder.is_directory()) continue;
    const std::string record = read(folder.path() / kRecordFile);
    CAPTURE(folder.path().string());
    const json::value document = parse_json(record, "run.json");
    CHECK(test::JsonSchema::named("run.schema.json").fault(document).empty());
    const Report report = report_from_json(document, "run.json");
    CHECK(write_json(to_json(anonymous(report))) == record);
    std::size_t files = 1;
    for (const Document& made : render_documents(reports::writers(), record, "run.json")) {
      CAPTURE(made.file_name);
      CHECK((read(folder.path() / made.file_name) == made.text));
      ++files;
    }
    const auto there = std::distance(fs::directory_iterator(folder), fs::directory_iterator());
    CHECK(static_cast<std::size_t>(there) == files);
    ++runs;
  }
  CHECK(runs >= 1);
}
