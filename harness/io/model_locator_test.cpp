#include "harness/io/model_locator.h"

#include <unistd.h>

#include <fstream>

#include "engine/base/error.h"
#include "tests/support/catch.h"

using namespace bh;
using namespace bh::harness;
namespace fs = std::filesystem;

namespace {

struct Prefix {
  fs::path root = fs::temp_directory_path() / fmt::format("bh-locator-{}", ::getpid());
  Prefix() { fs::create_directories(root / "bin"); }
  ~Prefix() { fs::remove_all(root); }
  fs::path binary() const { return root / "bin" / "bitharness"; }
  void put_model(const fs::path& folder) const {
    fs::create_directories(folder);
    std::ofstream(folder / "kjv-3m-i2_s.gguf") << "x";
  }
};

}  // namespace

TEST_CASE("a named model is taken as it is named") {
  CHECK(locate_model("some/file.gguf", "/nowhere/bin/bitharness") == "some/file.gguf");
}

TEST_CASE("the shipped model is found in the share directory and, before it, beside the binary") {
  const Prefix prefix;
  CHECK_FALSE(find_shipped_model(prefix.binary()));
  prefix.put_model(prefix.root / "share/bitharness/models/kjv-3m");
  CHECK(locate_model("", prefix.binary()) == prefix.root / "share/bitharness/models/kjv-3m/kjv-3m-i2_s.gguf");
  prefix.put_model(prefix.root / "bin/models/kjv-3m");
  CHECK(locate_model("", prefix.binary()) == prefix.root / "bin/models/kjv-3m/kjv-3m-i2_s.gguf");
}

TEST_CASE("where there is no model the message says where it was looked for and how to name one") {
  const Prefix prefix;
  try {
    locate_model("", prefix.binary());
    FAIL("found a model in an empty prefix");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::setup);
    CHECK_THAT(error.what(), Catch::Contains("share/bitharness/models/kjv-3m"));
    CHECK_THAT(error.what(), Catch::Contains("BITHARNESS_MODEL"));
  }
}

TEST_CASE("the running binary knows its own path") { CHECK(fs::is_regular_file(executable_path())); }
