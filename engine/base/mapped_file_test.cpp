// What a mapping gives back is read again.
#include "engine/base/mapped_file.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace

TEST_CASE("released pages of a mapped file hold the same bytes again") {
  const bh::test::TempFolder folder;
  std::string text(5 * page_size() + 17, 'a');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 + i / 256);
  write(folder / "file", text);
  const auto mapped = bh::MappedFile::open(folder / "file");
  const auto same = [&] {
    return std::equal(text.begin(), text.end(), reinterpret_cast<const char*>(mapped.bytes().data()));
  };
  REQUIRE(same());
  mapped.release(mapped.bytes());
  CHECK(same());
  mapped.release(mapped.bytes().subspan(100, 2 * page_size()));
  mapped.release(mapped.bytes().subspan(100, 50));  // no whole page
  mapped.release({});
  CHECK(same());
}

TEST_CASE("only parts of a mapped file are released") {
  const bh::test::TempFolder folder;
  write(folder / "file", "bytes");
  const auto mapped = bh::MappedFile::open(folder / "file");
  CHECK(mapped.holds(mapped.bytes()));
  CHECK(mapped.holds(mapped.bytes().last(0)));
  CHECK_FALSE(mapped.holds({mapped.bytes().data(), 6}));
  std::vector<std::byte> own(4 * page_size(), std::byte{7});
  CHECK_FALSE(mapped.holds(own));
  mapped.release(own);  // memory of ours would come back as zeros
  CHECK(std::count(own.begin(), own.end(), std::byte{7}) == static_cast<std::ptrdiff_t>(own.size()));
}
