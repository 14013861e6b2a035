// Keys, receipts and their verification as users meet them, and the signature under the eyes of other programs.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/base/json.h"
#include "harness/io/dsse.h"
#include "tests/cli/process.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/json_schema.h"
#include "tests/support/paths.h"
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

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  REQUIRE(text.find(what) != std::string::npos);
  return text.replace(text.find(what), what.size(), by);
}

JsonSchema schema(const std::string& name) {
  return JsonSchema(read_json_file(std::string(bh::test::kSourceDir) + "/reports/schema/" + name + ".schema.json"));
}

/// Keys and a signed run of the shipped model.
struct Signed {
  TempFolder folder;
  std::string dir = (folder / "run").string(), key = (folder / "bitharness.key").string(),
              pub = (folder / "bitharness.pub").string();
  Signed() {
    REQUIRE(bitharness({"keygen", "-o", folder.path().string()}).code == 0);
    REQUIRE(bitharness({"acceptance", "-q", "--filter", "ac3", "-o", dir, "--sign", key}).code == 0);
  }
};

}  // namespace

TEST_CASE("keygen makes a private key for its owner alone and never overwrites one") {
  const TempFolder folder;
  const std::string dir = (folder / "keys").string();
  const Finished run = bitharness({"keygen", "-o", dir});
  CHECK(run.code == 0);
  CHECK((fs::status(folder / "keys/bitharness.key").permissions() & fs::perms(0777)) == fs::perms(0600));
  CHECK_THAT(read(folder / "keys/bitharness.key"), Contains("BEGIN PRIVATE KEY"));
  CHECK_THAT(read(folder / "keys/bitharness.pub"), Contains("BEGIN PUBLIC KEY"));
  const std::string before = read(folder / "keys/bitharness.key");
  const Finished again = bitharness({"keygen", "-o", dir});
  CHECK(again.code == 4);
  CHECK(is_one_clear_line(again.err));
  CHECK(read(folder / "keys/bitharness.key") == before);
}

TEST_CASE("a signed run verifies with key, model, binary and replay; what was not asked is said") {
  const Signed run;
  const Finished full = bitharness({"verify", run.dir, "--key", run.pub, "--binary", bh::test::kBinary, "--model",
                                    (shipped_model() / "kjv-3m-i2_s.gguf").string(), "--replay"});
  CAPTURE(full.out, full.err);
  CHECK(full.code == 0);
  CHECK(full.out.find("not checked  6 GPU kernels") != std::string::npos);
  CHECK_THAT(full.out, Contains("the same tokens and logits") && Contains("VERIFIED"));
  const Finished less = bitharness({"verify", run.dir, "--json"});
  CHECK(less.code == 0);
  int skipped = 0;
  const json::value report = parse_json(less.out, "stdout");
  for (const json::value& check : report.at("checks").as_array()) {
    skipped += check.at("verdict") == "skipped" ? 1 : 0;
  }
  CHECK(skipped == 4);  // the GPU's gate, signer, model, binary

  const json::value receipt = parse_json(read(run.dir + "/receipt.json"), "receipt.json");
  CHECK(schema("receipt").fault(receipt).empty());
  const std::string envelope = read(run.dir + "/receipt.dsse.json");
  CHECK(schema("envelope").fault(parse_json(envelope, "envelope")).empty());
  const auto payload = harness::read_envelope(envelope, "envelope").payload;
  CHECK(schema("statement").fault(parse_json(payload, "statement")).empty());
}

TEST_CASE("openssl and another library find the signature right") {
  const Signed run;
  const auto envelope = harness::read_envelope(read(run.dir + "/receipt.dsse.json"), "envelope");
  const fs::path message = run.folder / "message", signature = run.folder / "signature";
  write(message, harness::pre_authentication_encoding(envelope.payload_type, envelope.payload));
  write(signature, envelope.signatures.at(0).bytes);
  const std::string files = " '" + message.string() + "' '" + signature.string() + "' '" + run.pub + "'";
  const auto succeeds = [](const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
  };
  const std::string openssl =
      "sh -c 'openssl pkeyutl -verify -rawin -in \"$1\" -sigfile \"$2\" -pubin -inkey \"$3\"' sh" + files;
  const std::string python =
      "python3 -c 'import sys; from cryptography.hazmat.primitives.serialization import load_pem_public_key as load; "
      "m, s, k = [open(p, \"rb\").read() for p in sys.argv[1:]]; load(k).verify(s, m)'" +
      files;
  bool any = false;
  for (const auto& [there, verify] : {std::pair{std::string("openssl version"), openssl},
                                      std::pair{std::string("python3 -c 'import cryptography'"), python}}) {
    if (!succeeds(there)) {
      WARN("skipped: '" << there << "' does not run here");
      continue;
    }
    any = true;
    write(message, harness::pre_authentication_encoding(envelope.payload_type, envelope.payload));
    CHECK(succeeds(verify));
    write(message, harness::pre_authentication_encoding(envelope.payload_type, envelope.payload + " "));
    CHECK_FALSE(succeeds(verify));
  }
  if (!any) WARN("skipped: neither openssl nor python3 with cryptography is here");
}

TEST_CASE("tampering, strangers and what cannot be replayed each have their exit code") {
  const Signed run;
  const std::string receipt = read(run.dir + "/receipt.json");
  const auto verify = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"verify", run.dir});
    return bitharness(more);
  };
  const TempFolder other;
  REQUIRE(bitharness({"keygen", "-o", other.path().string()}).code == 0);
  const Finished unknown = verify({"--key", (other / "bitharness.pub").string()});
  CHECK(unknown.code == 3);
  CHECK_THAT(unknown.out, Contains("unknown signer"));
  CHECK(verify({"--model", run.pub}).code == 1);
  CHECK(verify({"--binary", run.pub}).code == 1);
  CHECK(verify({"--key", run.key}).code == 4);
  CHECK(verify({"--key", (other / "missing").string()}).code == 4);

  write(run.dir + "/receipt.json", replaced(receipt, "\"failed\": 0", "\"failed\": 1"));
  const Finished tampered = verify({"--key", run.pub});
  CHECK(tampered.code == 1);
  CHECK_THAT(tampered.out, Contains("REFUSED") && Contains("1 of 1 cases failed"));
  CHECK(bitharness({"sign", run.dir, "--key", run.key}).code == 4);

  const std::string alone = (other / "receipt.json").string();
  write(alone, replaced(receipt, "\"one_answer\"", "\"their_answer\""));
  const Finished stranger = bitharness({"verify", alone, "--replay"});
  CHECK(stranger.code == 3);
  CHECK_THAT(stranger.out, Contains("cannot replay"));
  const std::string hash = parse_json(receipt, "receipt").at("tokens_hash").as_string().c_str();
  write(alone, replaced(receipt, hash, std::string(64, '0')));
  CHECK(bitharness({"verify", alone, "--replay"}).code == 1);
  write(alone, "GGUF");
  CHECK(bitharness({"verify", alone}).code == 1);
  CHECK(bitharness({"verify", (other / "nothing").string()}).code == 4);
  CHECK(bitharness({"verify"}).code == 2);
  CHECK(bitharness({"sign", run.dir}).code == 2);
}

TEST_CASE("a mock's receipt is refused, a fallback's too; under --strict both runs end with 8 and say why") {
  const TempFolder folder;
  const std::string dir = (folder / "run").string();
  REQUIRE(bitharness({"acceptance", "-q", "--subject", "mock", "--allow-mock", "--filter", "ac3", "-o", dir}).code ==
          0);
  const Finished mock = bitharness({"verify", dir});
  CHECK(mock.code == 1);
  CHECK_THAT(mock.out, Contains("compute_path is 'mock'") && Contains("the kernel 'mock' is a mock"));
  REQUIRE(bitharness({"acceptance", "-q", "--kernel", "scalar", "--filter", "ac3", "-o", dir}).code == 0);
  CHECK(bitharness({"verify", dir}).code == 1);
  const Finished strict = bitharness({"acceptance", "-q", "--kernel", "scalar", "--filter", "ac3", "--strict"});
  CHECK(strict.code == 8);
  CHECK_THAT(strict.out, Contains("fallback_kernel on cpu: i2_s.scalar ran"));
}

TEST_CASE("signing asks for a run directory, and for a run that left a receipt") {
  const TempFolder folder;
  REQUIRE(bitharness({"keygen", "-o", folder.path().string()}).code == 0);
  const std::string key = (folder / "bitharness.key").string(), dir = (folder / "run").string();
  CHECK(bitharness({"acceptance", "--filter", "ac3", "--sign", key}).code == 2);
  const Finished never = bitharness({"kernels", "-o", dir, "--sign", key});
  CHECK(never.code == 2);
  CHECK_THAT(never.err, Contains("unknown option --sign"));
  CHECK_FALSE(fs::exists(dir));
  const Finished none = bitharness({"acceptance", "-q", "--filter", "ac5/vocabulary", "-o", dir, "--sign", key});
  CHECK(none.code == 4);
  CHECK_THAT(none.err, Contains("nothing to sign"));
  CHECK_FALSE(fs::exists(dir + "/receipt.json"));
}

TEST_CASE("verify finds a changed byte in every file that a model folder is read from") {
  const TempFolder home;
  const fs::path model = home / "model";
  fs::copy(shipped_model() / "packed", model);
  const std::string dir = (home / "run").string();
  REQUIRE(bitharness({"acceptance", "-q", "--filter", "ac3", "-m", model.string(), "-o", dir}).code != 4);
  const auto verify = [&] { return bitharness({"verify", dir, "--model", model.string()}); };
  REQUIRE(verify().code == 0);
  int files = 0;
  for (const auto& entry : fs::directory_iterator(model)) {
    const fs::path& path = entry.path();
    const std::string before = read(path);
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
    std::string after = before;
    after[before.size() / 2] = static_cast<char>(after[before.size() / 2] ^ 1);
    write(path, after);
    const Finished run = verify();
    CAPTURE(path.string(), run.out);
    CHECK(run.code == 1);
    CHECK_THAT(run.out, Contains("the run's was"));
    write(path, before);
    ++files;
  }
  CHECK(files == 5);
  CHECK(verify().code == 0);
  write(model / "generation_config.json.txt", "not read");
  CHECK(verify().code == 0);
  write(model / "chat_template.jinja", "read");
  CHECK(verify().code == 1);
}
