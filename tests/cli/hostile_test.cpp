// Files and machines that mean ill, met by the built binary: models that contradict themselves, text that would steer a
// terminal, a file that shrinks during generation, a disk that is full. Neighbour: bad_input_test.cpp.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "tests/cli/process.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/raw_gguf.h"
#include "tests/support/small_model.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

void check_refused(const fs::path& model, const std::string& because) {
  for (const char* command : {"run", "inspect"}) {
    std::vector<std::string> args = {command, "-m", model.string()};
    if (args[0] == "run") args.insert(args.end(), {"-p", "x", "-n", "1"});
    const Finished run = bitharness(args);
    CAPTURE(args, run.err, run.out);
    CHECK(run.code == 4);
    CHECK(is_one_clear_line(run.err));
    CHECK(run.out.empty());
    CHECK_THAT(run.err, Contains(because));
  }
}

/// Puts `value` at `at` of a tensor's bytes.
template <class T>
std::function<void(std::span<std::byte>)> put(std::size_t at, T value) {
  return [=](std::span<std::byte> bytes) { std::memcpy(bytes.data() + at, &value, sizeof value); };
}

/// Nothing that a terminal would obey: newlines only.
bool is_tame(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); });
}

}  // namespace

TEST_CASE("a model whose tensors overlap is refused") {
  const TempFolder folder;
  const fs::path path = SmallModel::make().write(folder / "model.gguf");
  std::string bytes = bytes_of(path);
  const std::string name = gguf_string("output_norm.weight");
  const std::size_t offset_at = bytes.find(name) + name.size() + 4 + 8 + 4;  // one dimension, then the type
  bytes.replace(offset_at, 8, le(std::uint64_t{0}));
  write(path, bytes);
  check_refused(path, "overlaps");
}

TEST_CASE("unsound values of weights are refused with tensor and place") {
  const TempFolder folder;
  const auto refused = [&](const std::string& tensor, const std::function<void(std::span<std::byte>)>& change,
                           const std::string& because) {
    SmallModel model = SmallModel::make();
    model.spoil(tensor, change);
    const Finished run = bitharness({"run", "-m", model.write(folder / "model.gguf").string(), "-p", "x", "-n", "1"});
    CAPTURE(tensor, run.err);
    CHECK(run.code == 4);
    CHECK(is_one_clear_line(run.err));
    CHECK_THAT(run.err, Contains(tensor) && Contains(because));
  };
  const std::size_t scale_at = 128 * 256 / 4;
  refused("blk.0.ffn_up.weight", put(scale_at, std::nanf("")), "scale");
  refused("blk.0.ffn_up.weight", put(scale_at, -1.0f), "scale");
  refused("blk.0.ffn_up.weight", put(scale_at, HUGE_VALF), "scale");
  refused("blk.0.ffn_down.weight", put(40, std::uint8_t{0x03}), "illegal 2-bit code 3 at row");
  refused("output_norm.weight", put(4, std::nanf("")), "nan at index 1");
}

TEST_CASE("missing keys, a vocabulary of another size and numbers out of range are refused") {
  const TempFolder folder;
  const auto refused = [&](SmallModel& model, const std::string& because) {
    check_refused(model.write(folder / "model.gguf"), because);
  };
  SmallModel model = SmallModel::make();
  model.without_keys = {"embedding_length"};
  refused(model, "embedding_length");
  model = SmallModel::make();
  model.without_keys = {"block_count"};
  model.add_keys = [](engine::GgufWriter& writer) {
    writer.add("bitnet-b1.58.block_count", std::uint32_t{0xffffffff});
  };
  refused(model, "out of range");
  model = SmallModel::make();
  model.vocabulary.tokens.pop_back();
  model.vocabulary.types.pop_back();
  refused(model, "vocabulary has 257 tokens");
  model = SmallModel::make();
  model.vocabulary.merges = {"a nothing"};
  refused(model, "merge 0");
  model = SmallModel::make();
  model.remove("blk.0.ffn_gate.weight");
  refused(model, "blk.0.ffn_gate.weight");
}

TEST_CASE("a Hugging Face folder with a damaged part is refused") {
  const TempFolder folder;
  const fs::path path = folder / "packed";
  const auto refused = [&](const std::string& name, const std::function<std::string(std::string)>& change) {
    fs::remove_all(path);
    fs::copy(shipped_model() / "packed", path);
    write(path / name, change(bytes_of(path / name)));
    CAPTURE(name);
    check_refused(path, name == "model.safetensors" ? "packed" : name);
  };
  const auto half = [](const std::string& bytes) { return bytes.substr(0, bytes.size() / 2); };
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors"}) {
    refused(name, half);
    refused(name, [](const std::string&) { return std::string(); });
    refused(name, [](const std::string&) { return std::string(10'000, '['); });
  }
  refused("model.safetensors", [](const std::string& bytes) { return bytes + "x"; });
  refused("model.safetensors", [](std::string bytes) { return bytes.replace(0, 8, 8, '\xff'); });
}

TEST_CASE("text from a model never steers the terminal") {
  const TempFolder folder;
  SmallModel model = SmallModel::make();
  model.add_keys = [](engine::GgufWriter& writer) { writer.add("general.name", "\x1b[2J\x1b]0;owned\x07\r\n\xff"); };
  const std::string named = model.write(folder / "named.gguf").string();
  const Finished shown = bitharness({"inspect", "-m", named});
  CAPTURE(shown.out, shown.err);
  CHECK(shown.code == 0);
  CHECK(is_tame(shown.out + shown.err));
  CHECK(bitharness({"inspect", "--json", "-m", named}).code == 0);
  model.arch = "\x1b[2J\x9b";
  const Finished refused = bitharness({"run", "-p", "x", "-m", model.write(folder / "other.gguf").string()});
  CHECK(refused.code == 4);
  CHECK(is_one_clear_line(refused.err));
  CHECK(is_tame(refused.err));
}

TEST_CASE("a model file that shrinks during generation ends the run with one line and exit 4") {
  const TempFolder folder;
  SmallModel model = SmallModel::make();
  model.without_keys = {"context_length"};
  model.add_keys = [](engine::GgufWriter& writer) {
    writer.add("bitnet-b1.58.context_length", std::uint32_t{200'000});
  };
  const fs::path path = model.write(folder / "model.gguf");
  Process process({{"run", "-m", path.string(), "-p", "x", "-n", "199000", "--ignore-eog", "--temp", "0"}, {}, ""});
  REQUIRE(process.waits_with_output(60));
  fs::resize_file(path, 4096);
  const Finished run = process.finish();
  CAPTURE(run.err);
  CHECK(run.code == 4);
  CHECK(is_one_clear_line(run.err));
  CHECK_THAT(run.err, Contains("the model file changed while in use"));
}

TEST_CASE("a disk that fills up leaves old files whole and no rest of new ones") {
  const TempFolder folder;
  const std::string path = (folder / "model.gguf").string();
  REQUIRE(bitharness({"synth", path}).code == 0);
  const std::string before = bytes_of(path);
  const Start again{{"synth", path, "--force", "--seed", "2"}, {}, "", 100'000};
  REQUIRE(before.size() > again.largest_file);
  const Finished run = Process(again).finish();
  CAPTURE(run.err);
  CHECK(run.code == 4);
  CHECK(is_one_clear_line(run.err));
  CHECK_THAT(run.err, Contains("model.gguf"));
  CHECK(bytes_of(path) == before);
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
  CHECK(bitharness({"inspect", "--check", path}).code == 0);
}
