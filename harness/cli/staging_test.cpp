#include "harness/cli/staging.h"

#include <fstream>
#include <iterator>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::harness;
namespace fs = std::filesystem;

TEST_CASE("what is staged is gone at the end, however that comes") {
  const test::TempFolder home;
  Leftovers leftovers;
  const auto fill = [](const Staging& staging) { std::ofstream(staging.folder() / "half.gguf") << "half"; };
  {
    const Staging staging(home / "model.gguf", &leftovers);
    fill(staging);
    CHECK_THROWS_AS(Staging(home / "model.gguf", &leftovers), Error);  // the first one's folder stays
    CHECK(fs::exists(staging.folder() / "half.gguf"));
  }
  CHECK(fs::is_empty(home.path()));
  Staging staging(home / "model.gguf", &leftovers);
  fill(staging);
  leftovers.remove_all();
  CHECK(fs::is_empty(home.path()));
  bool moved = false;
  CHECK_THROWS_AS(staging.finish([&] { moved = true; }), Error);
  CHECK_FALSE(moved);
}

TEST_CASE("what has taken its place is no leftover") {
  const test::TempFolder home;
  Leftovers leftovers;
  Staging staging(home / "model.gguf", &leftovers);
  std::ofstream(staging.folder() / "model.gguf") << "whole";
  staging.finish([&] { fs::rename(staging.folder() / "model.gguf", home / "model.gguf"); });
  leftovers.remove_all();  // a signal between the last step and the end of `staging`
  CHECK(fs::exists(home / "model.gguf"));
  CHECK(std::distance(fs::directory_iterator(home.path()), fs::directory_iterator()) == 1);
  CHECK_THROWS_WITH(Staging(home / "other.gguf", &leftovers), Catch::Contains("interrupted"));
  CHECK(std::distance(fs::directory_iterator(home.path()), fs::directory_iterator()) == 1);
}
