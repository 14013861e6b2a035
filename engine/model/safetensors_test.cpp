#include "engine/model/safetensors.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/raw_gguf.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bh::engine;
using bh::test::as_bytes;
using bh::test::le;

std::string file_of(const std::string& header, std::size_t data) {
  return le(std::uint64_t{header.size()}) + header + std::string(data, '\x01');
}

std::string error_of(const std::string& bytes) {
  try {
    SafeTensorsFile::parse(as_bytes(bytes), "file");
  } catch (const bh::Error& error) {
    REQUIRE(error.kind() == bh::ErrorKind::setup);
    return error.what();
  }
  return "";
}

void refused(const std::string& header, std::size_t data, const std::string& because) {
  const std::string message = error_of(file_of(header, data));
  INFO("message: " << message);
  REQUIRE(message.find(because) != std::string::npos);
  REQUIRE(message.find("file") == 0);
}

const std::string kGood =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},)"
    R"("a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"s":{"dtype":"U8","shape":[],"data_offsets":[11,12]}})";

}  // namespace

TEST_CASE("a SafeTensors file gives its tensors in order of offset") {
  const std::string bytes = file_of(kGood + "   ", 12);
  const SafeTensorsFile file = SafeTensorsFile::parse(as_bytes(bytes), "file");
  REQUIRE(file.tensors().size() == 3);
  REQUIRE(file.tensors()[0].name == "a");
  REQUIRE(file.tensors()[0].dtype == "F32");
  REQUIRE(file.tensors()[0].shape == std::vector<std::int64_t>{1, 2});
  REQUIRE(file.tensors()[0].bytes.size() == 8);
  REQUIRE(file.find("b")->bytes.data() == file.tensors()[0].bytes.data() + 8);
  REQUIRE(file.find("s")->shape.empty());
  REQUIRE(file.find("c") == nullptr);
  REQUIRE(file.metadata() == std::vector<std::pair<std::string, std::string>>{{"format", "pt"}});
}

TEST_CASE("a SafeTensors file cut off at any byte is refused") {
  const std::string bytes = file_of(kGood, 12);
  REQUIRE(error_of(bytes) == "");
  for (std::size_t length = 0; length < bytes.size(); ++length) REQUIRE(error_of(bytes.substr(0, length)) != "");
  REQUIRE(error_of(bytes + "x") != "");
}

TEST_CASE("any single flipped byte of a SafeTensors header gives an answer or an error, never a crash") {
  const std::string bytes = file_of(kGood, 12);
  int refusals = 0;
  for (std::size_t at = 0; at + 12 < bytes.size(); ++at) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ mask);
      refusals += error_of(damaged).empty() ? 0 : 1;
    }
  }
  REQUIRE(refusals > 400);
}

TEST_CASE("a SafeTensors header that lies about its length is refused") {
  const std::string huge = le(~std::uint64_t{0}) + kGood + std::string(12, '\0');
  REQUIRE(error_of(huge).find("claims") != std::string::npos);
  const std::string large = le(std::uint64_t{100'000'001}) + kGood;
  REQUIRE(error_of(large).find("claims") != std::string::npos);
  refused("", 0, "does not begin with");
  refused(" {}", 0, "does not begin with");
  refused("[]", 0, "does not begin with");
}

TEST_CASE("holes, overlaps and wrong sizes of SafeTensors data are refused") {
  const auto two = [](const char* first, const char* second) {
    return std::string(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)") + first +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
  };
  REQUIRE(error_of(file_of(two("[0,4]", "[4,8]"), 8)) == "");
  REQUIRE(error_of(file_of(two("[4,8]", "[0,4]"), 8)) == "");
  refused(two("[0,4]", "[5,9]"), 9, "a hole");
  refused(two("[0,4]", "[3,7]"), 7, "an overlap");
  refused(two("[0,4]", "[0,4]"), 4, "an overlap");
  refused(two("[1,5]", "[5,9]"), 9, "a hole");
  refused(two("[0,4]", "[8,4]"), 8, "a hole, an overlap or a swap");
  refused(two("[0,4]", "[4,8]"), 9, "the tensors cover 8");
  refused(two("[0,4]", "[4,8]"), 7, "truncated");
  refused(two("[0,4]", "[4,9]"), 9, "does not fill its 5 bytes");
  refused(two("[0,4]", "[4,9223372036854775807]"), 8, "truncated");
  refused(R"({"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, "does not fill");
  refused(R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", 1, "does not fill");
  REQUIRE(error_of(file_of(R"({"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}})", 2)) == "");
  REQUIRE(error_of(file_of(R"({"a":{"dtype":"U8","shape":[0,5],"data_offsets":[0,0]}})", 0)) == "");
  REQUIRE(error_of(file_of("{}", 0)) == "");
}

TEST_CASE("SafeTensors headers of another shape are refused") {
  const std::string tail = R"("shape":[4],"data_offsets":[0,4]}})";
  refused(R"({"a":{"dtype":"Q8",)" + tail, 4, "unknown dtype \"Q8\"");
  refused(R"({"a":{"dtype":7,)" + tail, 4, "this number");
  refused(R"({"a":{"dtype":null,)" + tail, 4, "null");
  refused(R"({"a":{"dtype":["U8"],)" + tail, 4, "an array");
  refused(R"({"a":{"dtype":"U8","x":1,)" + tail, 4, "this field");
  refused(R"({"a":{)" + tail, 4, "no dtype");
  refused(R"({"a":{"dtype":"U8","shape":[4]}})", 4, "data_offsets");
  refused(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0]}})", 4, "data_offsets");
  refused(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}})", 4, "data_offsets");
  refused(R"({"a":{"dtype":"U8","shape":[[4]],"data_offsets":[0,4]}})", 4, "an array");
  refused(R"({"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}})", 4, "this number");
  refused(R"({"a":{"dtype":"U8","shape":[4.5],"data_offsets":[0,4]}})", 4, "a fraction");
  refused(R"({"a":{"dtype":"U8","shape":["4"],"data_offsets":[0,4]}})", 4, "a string");
  refused(R"({"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4, "so large");
  refused(R"({"a":{"dtype":"U8","shape":{"b":1},"data_offsets":[0,4]}})", 4, "an object");
  refused(
      R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})",
      1, "so long a list");
  refused(R"({"a":"b"})", 0, "a string");
  refused(R"({"a":1})", 0, "this number");
  refused(R"({"__metadata__":{"a":1}})", 0, "this number");
  refused(R"({"__metadata__":{"a":{}}})", 0, "an object");
  refused(R"({"__metadata__":"x"})", 0, "a string");
  refused(R"({"a":{"dtype":"U8",)" + tail.substr(0, tail.size() - 1) + R"(,"a":{"dtype":"U8",)" + tail, 4, "twice");
  refused(R"({"a":{"dtype":"U8","dtype":"U8",)" + tail, 4, "twice");
  refused("{\"\xff\":1}", 0, "not valid JSON");
}

TEST_CASE("what the SafeTensors writer wrote, the reader reads") {
  const bh::test::TempFolder folder;
  SafeTensorsWriter writer;
  writer.add_metadata("format", "pt");
  const auto fill = [](int value) {
    return
        [value](std::span<std::byte> bytes) { std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>(value)); };
  };
  writer.add_tensor("z.weight", "U8", {3, 5}, fill(1));
  writer.add_tensor("b", "BF16", {7}, fill(2));
  writer.add_tensor("a", "BF16", {}, fill(3));
  writer.add_tensor("f", "F32", {2, 2}, fill(4));
  writer.write(folder / "m.safetensors");
  const SafeTensorsFile file = SafeTensorsFile::open(folder / "m.safetensors");
  std::vector<std::string> names;
  for (const SafeTensor& tensor : file.tensors()) names.push_back(tensor.name);
  REQUIRE(names == std::vector<std::string>{"f", "a", "b", "z.weight"});
  REQUIRE(file.find("z.weight")->shape == std::vector<std::int64_t>{3, 5});
  REQUIRE(file.find("z.weight")->bytes.back() == std::byte{1});
  REQUIRE(file.find("a")->bytes.size() == 2);
  REQUIRE(file.metadata()[0].second == "pt");
  REQUIRE_THROWS_AS(writer.add_tensor("x", "Q4", {1}, fill(0)), bh::Error);
  REQUIRE_THROWS_AS(writer.add_tensor("x", "F32", {-1}, fill(0)), bh::Error);
}

TEST_CASE("an error while a SafeTensors file is written leaves the old one whole") {
  const bh::test::TempFolder folder;
  std::ofstream(folder / "m.safetensors") << "old";
  SafeTensorsWriter writer;
  writer.add_tensor("a", "F32", {3}, [](std::span<std::byte>) { throw bh::Error(bh::ErrorKind::setup, "no"); });
  REQUIRE_THROWS_AS(writer.write(folder / "m.safetensors"), bh::Error);
  std::ifstream file(folder / "m.safetensors");
  REQUIRE(std::string(std::istreambuf_iterator<char>(file), {}) == "old");
}
