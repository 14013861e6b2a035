// How much of a folder's JSON is read.
#include "engine/model/hf_files.h"

#include <fstream>

#include "engine/base/error.h"
#include "engine/model/hf_config.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace bh::engine;

TEST_CASE("config.json and the index of shards are bounded by what they are for") {
  const bh::test::TempFolder folder;
  // A document that says nothing and then only space; what is too long is refused unread, so that holes will do.
  const auto make = [&](const char* name, std::size_t bytes, bool readable) {
    std::ofstream(folder / name) << "{}" << std::string(readable ? bytes - 2 : 0, ' ');
    std::filesystem::resize_file(folder / name, bytes);
  };
  make("config.json", 1 << 20, true);
  make(kHfIndex, 64 << 20, true);
  CHECK_THROWS_WITH(read_hf_config(folder.path()), Catch::Contains("architecture \"\" is not supported"));
  CHECK_THROWS_WITH(read_hf_index(folder.path()), Catch::Contains("no object \"weight_map\""));
  make("config.json", (1 << 20) + 1, false);
  make(kHfIndex, (64 << 20) + 1, false);
  CHECK_THROWS_WITH(read_hf_config(folder.path()), Catch::Contains("config.json has 1048577 bytes"));
  CHECK_THROWS_WITH(read_hf_index(folder.path()), Catch::Contains("index.json has 67108865 bytes"));
}
