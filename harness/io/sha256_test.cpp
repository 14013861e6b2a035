#include "harness/io/sha256.h"

#include <unistd.h>

#include <array>
#include <fstream>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::harness;

// Test vectors of FIPS 180-4 (NIST's examples).
TEST_CASE("SHA-256 gives the standard's digests, whole and in pieces") {
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 hash;
  for (const char c : {'a', 'b', 'c'}) hash.update(std::as_bytes(std::span(&c, 1)));
  CHECK(hash.hex() == sha256_hex("abc"));
}

TEST_CASE("a file is hashed in blocks, and floats by their bits") {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("bh-sha256-{}", ::getpid());
  const std::string million(1'000'000, 'a');
  std::ofstream(path, std::ios::binary) << million;
  CHECK(sha256_file(path) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  std::filesystem::remove(path);
  const std::array values = {1.0f, -0.0f};
  CHECK(sha256_floats(values) == sha256_hex(std::string_view("\0\0\x80\x3f\0\0\0\x80", 8)));
  CHECK(sha256_floats(values) != sha256_floats(std::array{1.0f, 0.0f}));
}

TEST_CASE("what is no readable file is not hashed") {
  CHECK_THROWS_AS(sha256_file(std::filesystem::temp_directory_path()), Error);
  CHECK_THROWS_AS(sha256_file("/nonexistent/file"), Error);
  CHECK_THROWS_AS(sha256_file("/dev/zero"), Error);
}

TEST_CASE("the hash of a model folder is that of what sha256sum prints for the files it is read from") {
  const test::TempFolder folder;
  const auto write = [&](const std::string& name, const std::string& text) { std::ofstream(folder / name) << text; };
  CHECK_THROWS_AS(sha256_model(folder.path()), Error);
  write("config.json", "c");
  write("tokenizer.json", "t");
  write("model-00001-of-00001.safetensors", "w");
  CHECK_THROWS_AS(sha256_model(folder.path()), Error);  // shards are not read without their index
  const std::string index = R"({"weight_map": {"a": "model-00001-of-00001.safetensors"}})";
  write("model.safetensors.index.json", index);
  write("adapter.safetensors", "not read");
  write("README.md", "not read");
  const auto lines = [](const std::vector<std::pair<std::string, std::string>>& files) {
    std::string all;
    for (const auto& [name, text] : files) all += sha256_hex(text) + "  " + name + "\n";
    return sha256_hex(all);
  };
  CHECK(sha256_model(folder.path()) == lines({{"config.json", "c"},
                                              {"model-00001-of-00001.safetensors", "w"},
                                              {"model.safetensors.index.json", index},
                                              {"tokenizer.json", "t"}}));
  write("model.safetensors", "m");  // read instead of the shards
  CHECK(sha256_model(folder.path()) ==
        lines({{"config.json", "c"}, {"model.safetensors", "m"}, {"tokenizer.json", "t"}}));
}
