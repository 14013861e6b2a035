// `bitharness report` as users run it: documents made again, checked, joined, made anonymous; JUnit before a real
// parser.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "engine/base/json.h"
#include "tests/cli/process.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

/// A finished run of some quick cases; none has a bound on time, which a build with sanitizers could miss.
fs::path finished_run(const TempFolder& folder) {
  fs::path out = folder / "run";
  const Finished run = bitharness({"acceptance", "-q", "--filter", "ac5/vocabulary", "--filter", "ac5/hard-strings",
                                   "--filter", "ac5/reference-prompts", "-o", out.string()});
  CAPTURE(run.out, run.err);
  REQUIRE(run.code == 0);
  return out;
}

const std::vector<std::string> kDocuments = {"acceptance.json", "ACCEPTANCE.md", "report.html", "summary.md",
                                             "junit.xml"};

}  // namespace

TEST_CASE("a run's documents are made again byte for byte from its record") {
  const TempFolder folder;
  const fs::path run = finished_run(folder);
  CHECK(bitharness({"report", run.string(), "--check"}).code == 0);
  REQUIRE(bitharness({"report", (run / "run.json").string(), "-o", (folder / "again").string()}).code == 0);
  for (const std::string& name : kDocuments) {
    CAPTURE(name);
    CHECK(fs::file_size(run / name) > 200);
    CHECK(read(run / name) == read(folder / "again" / name));
  }
  CHECK(bitharness({"report", run.string(), "--format", "html"}).out == read(run / "report.html"));
  CHECK(bitharness({"report", run.string(), "--format", "json"}).out == read(run / "run.json"));
  CHECK_THAT(bitharness({"report", run.string()}).out, Contains("PASSED"));
}

TEST_CASE("a document that is not what its record gives is named with its first differing line") {
  const TempFolder folder;
  const fs::path run = finished_run(folder);
  for (const std::string& name : kDocuments) {
    const std::string text = read(run / name);
    std::string changed = text;
    const auto third_line = changed.find('\n', changed.find('\n') + 1) + 1;
    changed.insert(third_line, "x");
    write(run / name, changed);
    const Finished check = bitharness({"report", run.string(), "--check"});
    CAPTURE(name, check.out);
    CHECK(check.code == 1);
    CHECK_THAT(check.out, Contains("differs  " + (run / name).string() + ": line 3: "));
    write(run / name, text.substr(0, text.size() / 2));
    CHECK(bitharness({"report", run.string(), "--check"}).code == 1);
    write(run / name, text + "more\n");
    CHECK(bitharness({"report", run.string(), "--check"}).code == 1);
    write(run / name, text);
  }
  CHECK(bitharness({"report", run.string(), "--check"}).code == 0);
  for (const std::string& name : kDocuments) {
    fs::rename(run / name, folder / "away");
    const Finished check = bitharness({"report", run.string(), "--check"});
    CAPTURE(name, check.out);
    CHECK(check.code == 1);
    CHECK_THAT(check.out, Contains("absent   " + (run / name).string()));
    // Who asks for one form answers for that one.
    CHECK(bitharness({"report", run.string(), "--check", "--format", "html"}).code == (name == "report.html" ? 1 : 0));
    fs::rename(folder / "away", run / name);
  }
  CHECK(bitharness({"report", run.string(), "--check"}).code == 0);
  fs::create_directory(folder / "empty");
  const Finished nothing = bitharness({"report", run.string(), "--check", "-o", (folder / "empty").string()});
  CHECK(nothing.code == 1);
  CHECK_THAT(nothing.out, Contains("absent"));
}

TEST_CASE("several runs become a history, oldest first") {
  const TempFolder folder;
  const fs::path run = finished_run(folder);
  json::value later = read_json_file((run / "run.json").string());
  later.at("started_at") = "2999-01-01T00:00:00.000Z";
  later.at("results").at(0).at("verdict") = "failed";
  write_json_file((folder / "later.json").string(), later);
  const Finished history = bitharness({"report", (folder / "later.json").string(), run.string()});
  CHECK(history.code == 0);
  CHECK_THAT(history.out, Contains("acceptance: 2 runs"));
  CHECK_THAT(history.out, Contains("| passed | failed |"));
  REQUIRE(
      bitharness({"report", run.string(), (folder / "later.json").string(), "-o", (folder / "all").string()}).code ==
      0);
  CHECK_THAT(read(folder / "all/history.html"), Contains("<!DOCTYPE html>"));
  CHECK(read(folder / "all/history.md") == history.out);
  later.at("suite") = "perf";
  write_json_file((folder / "other.json").string(), later);
  CHECK(bitharness({"report", run.string(), (folder / "other.json").string()}).code == 2);
}

TEST_CASE("an anonymous record names no host and no folder, and its documents are its own") {
  const TempFolder folder;
  const fs::path run = finished_run(folder), published = folder / "published";
  CHECK(bitharness({"report", run.string(), "--anonymous"}).code == 2);
  REQUIRE(bitharness({"report", run.string(), "--anonymous", "-o", published.string()}).code == 0);
  CHECK(bitharness({"report", published.string(), "--check"}).code == 0);
  for (const char* name : {"run.json", "report.html"}) {
    CAPTURE(name);
    CHECK_THAT(read(run / name), Contains(folder.path().string()));
    CHECK_THAT(read(published / name), !Contains(folder.path().string()));
    CHECK_THAT(read(published / name), !Contains(bh::test::kSourceDir));
  }
  CHECK(parse_json(read(published / "run.json"), "run.json").at("environment").at("host_name") == "");
}

TEST_CASE("what is no record is refused in one line") {
  const TempFolder folder;
  CHECK(bitharness({"report"}).code == 2);
  for (const std::string text : {"", "{}", "[]", "{\"schema\": \"bitharness.run/2\"}", "\xff\xfe"}) {
    write(folder / "run.json", text);
    const Finished run = bitharness({"report", folder.path().string()});
    CAPTURE(text, run.err);
    CHECK(run.code == 4);
    CHECK(is_one_clear_line(run.err));
  }
  CHECK(bitharness({"report", (folder / "nowhere").string()}).code == 4);
}

TEST_CASE("JUnit is well-formed and of the form CI systems read, whatever a model writes") {
  const TempFolder folder;
  const fs::path run = finished_run(folder);
  json::value record = read_json_file((run / "run.json").string());
  std::string hostile = "]]>\x1b[31m<failure>\"'&\xef\xbf\xbe\xef\xbf\xbf";
  for (int c = 1; c < 0x20; ++c) hostile += static_cast<char>(c);
  const char* verdicts[] = {"failed", "errored", "skipped", "interrupted", "untrusted"};
  for (std::size_t i = 0; i < record.at("results").as_array().size(); ++i) {
    record.at("results").at(i).at("verdict") = verdicts[i % 5];
    record.at("results").at(i).at("reason") = hostile;
  }
  record.at("environment").at("cpu_model") = hostile;
  write_json_file((folder / "hostile.json").string(), record);
  const fs::path junit = folder / "junit.xml";
  write(junit, bitharness({"report", (folder / "hostile.json").string(), "--format", "junit"}).out);
  REQUIRE(fs::file_size(junit) > 1000);
  if (std::system("xmllint --version >/dev/null 2>&1") != 0) {
    std::cerr << "skipped: no xmllint here (apt-get install libxml2-utils)\n";
    return;
  }
  const std::string xmllint = "xmllint --noout --nonet --schema '" + std::string(bh::test::kSourceDir) +
                              "/tests/data/junit.xsd' '" + junit.string() + "' 2>/dev/null";
  CHECK(std::system(xmllint.c_str()) == 0);
  std::string broken = read(junit);
  broken.insert(broken.find("<testcase"), "<testcase/>");
  write(junit, broken);
  CHECK(std::system(xmllint.c_str()) != 0);
}
