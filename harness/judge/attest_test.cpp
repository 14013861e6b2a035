// Signed evidence, and what becomes of it when somebody changes a byte, swaps a file or signs with another key.
#include "harness/judge/attest.h"

#include <fstream>
#include <iterator>

#include "engine/base/error.h"
#include "harness/core/report_json.h"
#include "harness/io/dsse.h"
#include "harness/io/sha256.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"
#include "tests/support/paths.h"
#include "tests/support/receipts.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::harness;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(text.data(), static_cast<std::streamsize>(text.size()));
}

/// A signed run with its model and binary, in a folder of its own.
struct SignedRun {
  test::TempFolder folder;
  KeyFiles keys = generate_signing_key();
  SigningKey key = SigningKey::private_from_pem(keys.private_pem, "key");
  fs::path model = folder / "model.gguf", binary = folder / "bitharness";
  Report report;

  SignedRun() {
    write(model, "the weights");
    write(binary, "the program");
    report = test::report_with_receipt(sha256_file(model), sha256_file(binary));
    write_run();
    sign_run(folder.path(), key);
  }
  void write_run() const {
    const std::string record = write_json(to_json(report));
    write(folder / "run.json", record);
    write(folder / "receipt.json", make_receipt(report, sha256_hex(record)));
  }
  std::vector<Check> checks() const {
    return verify_run({folder.path(), SigningKey::public_from_pem(keys.public_pem, "pub"), model, binary, {}, {}});
  }
  ExitCode verdict() const { return exit_code_of(checks()); }
};

const Check& named(const std::vector<Check>& checks, std::string_view name) {
  for (const Check& check : checks) {
    if (check.name == name) return check;
  }
  throw std::out_of_range(std::string(name));
}

}  // namespace

TEST_CASE("a signed run verifies, and says what it did not look at") {
  const SignedRun run;
  CHECK(run.verdict() == ExitCode::ok);
  for (const Check& check : run.checks()) CHECK((check.verdict == Verdict::passed || check.name == "6 GPU kernels"));
  const auto less = verify_run({run.folder.path(), std::nullopt, {}, {}, {}, {}});
  CHECK(exit_code_of(less) == ExitCode::ok);
  for (const char* name : {"signature", "model", "binary"}) CHECK(named(less, name).verdict == Verdict::skipped);
  CHECK(named(less, "statement").verdict == Verdict::passed);
  CHECK(exit_code_of(verify_run({run.folder / "receipt.json", std::nullopt, {}, {}, {}, {}})) == ExitCode::ok);
}

TEST_CASE("the signed statement is an in-toto test result about four files") {
  const SignedRun run;
  const Envelope envelope = read_envelope(read(run.folder / "receipt.dsse.json"), "envelope");
  json::value statement = parse_json(envelope.payload, "statement");
  const test::JsonSchema schema(
      read_json_file(std::string(bh::test::kSourceDir) + "/reports/schema/statement.schema.json"));
  CHECK(schema.fault(statement).empty());
  CHECK(statement.at("subject").as_array().size() == 4);
  CHECK(statement.at("predicate").at("result") == "PASSED");
  statement.at("predicate").as_object()["also"] = 1;
  CHECK(schema.fault(statement) == "$.predicate: also is not in the schema");
}

TEST_CASE("a change of any byte of receipt or envelope is found", "[slow]") {
  const SignedRun run;
  for (const char* name : {"receipt.json", "receipt.dsse.json"}) {
    const fs::path path = run.folder / name;
    const std::string text = read(path);
    std::size_t unseen = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      std::string spoilt = text;
      spoilt[i] = static_cast<char>(spoilt[i] ^ (i % 2 == 0 ? 0x01 : 0x2a));
      write(path, spoilt);
      unseen += run.verdict() == ExitCode::ok ? 1 : 0;
    }
    CHECK(text.size() > 1000);
    CHECK(unseen == 0);
    write(path, text);
  }
  CHECK(run.verdict() == ExitCode::ok);
}

TEST_CASE("a changed run record, model or binary is found and named") {
  const SignedRun run;
  const std::pair<const char*, const char*> files[] = {
      {"run.json", "statement"}, {"model.gguf", "model"}, {"bitharness", "binary"}};
  for (const auto& [name, check] : files) {
    const std::string text = read(run.folder / name);
    for (std::size_t i = 0; i < text.size(); i += 1 + text.size() / 100) {
      std::string spoilt = text;
      spoilt[i] = static_cast<char>(spoilt[i] ^ 0x04);
      write(run.folder / name, spoilt);
      const auto checks = run.checks();
      CHECK(exit_code_of(checks) == ExitCode::failed);
      CHECK(named(checks, check).verdict == Verdict::failed);
    }
    write(run.folder / name, text);
  }
  CHECK(run.verdict() == ExitCode::ok);
}

TEST_CASE("another signer is unknown; a receipt rewritten with its record is not the signed one") {
  SignedRun run;
  const KeyFiles stranger = generate_signing_key();
  const auto unknown =
      verify_run({run.folder.path(), SigningKey::public_from_pem(stranger.public_pem, "pub"), {}, {}, {}, {}});
  CHECK(exit_code_of(unknown) == ExitCode::inconclusive);
  CHECK_THAT(named(unknown, "signature").message, Contains("unknown signer"));

  run.report.notes[kReceiptNote].as_object()["logits_hash"] = std::string(64, 'f');
  run.write_run();
  const auto rewritten = run.checks();
  CHECK(named(rewritten, "run record").verdict == Verdict::passed);
  CHECK(named(rewritten, "signature").verdict == Verdict::passed);
  CHECK(named(rewritten, "statement").verdict == Verdict::failed);
  sign_run(run.folder.path(), SigningKey::private_from_pem(stranger.private_pem, "key"));
  CHECK(run.verdict() == ExitCode::inconclusive);

  fs::remove(run.folder / "receipt.dsse.json");
  CHECK(run.verdict() == ExitCode::inconclusive);
}

TEST_CASE("nothing is signed that would not verify, and a replay's verdict counts") {
  const SignedRun run;
  const auto replayed = [&](Verdict verdict) {
    return exit_code_of(verify_run({run.folder.path(), std::nullopt, {}, {}, {}, [&](const json::object&) {
                                      return Check{"replay", verdict, "so it is"};
                                    }}));
  };
  CHECK(replayed(Verdict::passed) == ExitCode::ok);
  CHECK(replayed(Verdict::failed) == ExitCode::failed);
  CHECK(replayed(Verdict::untrusted) == ExitCode::inconclusive);
  std::string text = read(run.folder / "receipt.json");
  text.replace(text.find("\"real\""), 6, "\"REAL\"");
  write(run.folder / "receipt.json", text);
  CHECK_THROWS_WITH(sign_run(run.folder.path(), run.key), Contains("it is not signed"));
  fs::remove(run.folder / "receipt.json");
  CHECK_THROWS_WITH(sign_run(run.folder.path(), run.key), Contains("nothing to sign"));
  CHECK_THROWS_AS(run.checks(), Error);
}
