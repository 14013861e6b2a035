// What users and broken downloads hand to bitharness: one clear line, the right exit code, no crash, no hang.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "harness/core/text.h"
#include "tests/cli/process.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/small_model.h"
#include "tests/support/temp_folder.h"

using namespace bh;
using namespace bh::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

std::string model_bytes() {
  std::ifstream file(shipped_model() / "kjv-3m-i2_s.gguf", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

void check_refused(const std::vector<std::string>& args, int code, const std::string& word = "") {
  const Finished run = bitharness(args);
  CAPTURE(args, run.err, run.out);
  CHECK(run.code == code);
  CHECK(is_one_clear_line(run.err));
  CHECK(run.out.empty());
  CHECK_THAT(run.err, Contains(word));
}

void check_model_refused(const fs::path& model, const std::string& word = "") {
  check_refused({"run", "-m", model.string(), "-p", "x", "-n", "1"}, 4, word);
}

}  // namespace

TEST_CASE("numbers out of range and options that do not exist are usage errors") {
  check_refused({"run", "-p", "x", "-t", "0"}, 2, "--threads takes an integer from 1 to 1024, not '0'");
  check_refused({"run", "-p", "x", "-n", "-5"}, 2, "--n-predict takes an integer");
  check_refused({"run", "-p", "x", "--theads", "2"}, 2, "did you mean --threads?");
  check_refused({"run", "-p", "x", "--top-p", "2"}, 2, "--top-p");
  check_refused({"run", "-p", "x", "--temp", "nan"}, 2, "--temp");
  check_refused({"run", "-p", "x", "-t"}, 2, "needs a value");
  check_refused({"run", "-p", "x", "-c", "99999999999999999999"}, 2, "--ctx-size");
  check_refused({"run", "-p", "x", "--template", "nonsense"}, 2);
  check_refused({"run", "-p", "x", "--device", "tpu"}, 2, "tpu");
  check_refused({"run", "-p", "x", "--kernel", "avx9"}, 2, "avx9");
  check_refused({"run", "-p", "x", "-f", "y"}, 2, "-p and -f");
  check_refused({"rum"}, 2, "did you mean run?");
  check_refused({"tokenize", "stray"}, 2, "stray");
}

TEST_CASE("what is no model is refused without being read to its end") {
  const TempFolder folder;
  check_model_refused(folder / "absent.gguf", "absent.gguf");
  check_model_refused(folder.path());
  check_model_refused("/dev/zero");
  check_model_refused("/dev/null");
  ::mkfifo((folder / "fifo").c_str(), 0600);
  check_model_refused(folder / "fifo");
  write(folder / "empty.gguf", "");
  check_model_refused(folder / "empty.gguf");
  write(folder / "text.gguf", "this is no model at all, whatever its name says\n");
  check_model_refused(folder / "text.gguf");
  check_refused({"run", "-f", "/dev/zero"}, 4, "/dev/zero");
  check_refused({"run", "-f", folder.path().string()}, 4);
}

TEST_CASE("a model cut off anywhere is refused") {
  const TempFolder folder;
  const std::string bytes = model_bytes();
  const fs::path path = folder / "cut.gguf";
  for (std::size_t size :
       {std::size_t{1}, std::size_t{4}, std::size_t{7}, std::size_t{23}, std::size_t{24}, std::size_t{100},
        std::size_t{1000}, std::size_t{30'000}, bytes.size() / 2, bytes.size() - 1}) {
    write(path, bytes.substr(0, size));
    CAPTURE(size);
    check_model_refused(path, "cut.gguf");
    const Finished check = bitharness({"inspect", "--check", path.string()});
    CHECK(check.code == 1);
    CHECK_THAT(check.out, Contains("unsound: "));
  }
  write(path, bytes);
  CHECK(bitharness({"inspect", "--check", path.string()}).code == 0);
}

TEST_CASE("flipped magic, another version and counts that cannot be are refused") {
  const TempFolder folder;
  const std::string bytes = model_bytes();
  const auto spoilt = [&](std::size_t at, const std::string& by) {
    std::string copy = bytes;
    copy.replace(at, by.size(), by);
    write(folder / "spoilt.gguf", copy);
    check_model_refused(folder / "spoilt.gguf");
    CHECK(bitharness({"inspect", "--check", (folder / "spoilt.gguf").string()}).code == 1);
  };
  spoilt(0, "FUGG");
  spoilt(0, "GGML");
  spoilt(4, std::string("\x07\0\0\0", 4));
  spoilt(4, std::string("\0\0\0\x03", 4));
  spoilt(8, std::string(8, '\xff'));
  spoilt(16, std::string(8, '\x7f'));
}

TEST_CASE("inspect --check cannot judge what it cannot open") {
  const TempFolder folder;
  check_refused({"inspect", "--check", (folder / "absent").string()}, 4);
  check_refused({"inspect", "--check", "/dev/zero"}, 4);
  check_refused({"inspect", "--check", folder.path().string()}, 4);
  write(folder / "model.safetensors", "no such thing");
  CHECK(bitharness({"inspect", "--check", folder.path().string()}).code == 1);
  CHECK(bitharness({"inspect", "--check", (shipped_model() / "packed").string()}).code == 0);
}

TEST_CASE("a tensor of zeros loads and is pointed out") {
  const TempFolder folder;
  SmallModel model = SmallModel::make();
  const auto sound = model.write(folder / "sound.gguf").string();
  CHECK(bitharness({"inspect", "--stats", sound}).code == 0);
  model.spoil("blk.0.ffn_up.weight", [](std::span<std::byte> bytes) {
    std::fill(bytes.begin(), bytes.end() - engine::i2_s::kTail, std::byte{0x55});  // code 1 = weight 0
  });
  const Finished run = bitharness({"inspect", "--stats", model.write(folder / "zero.gguf").string()});
  CHECK(run.code == 1);
  CHECK_THAT(run.out, Contains("all values are zero"));
}

TEST_CASE("a prompt that is not UTF-8 is answered in UTF-8") {
  const Finished run = bitharness({"run", "-p", "\xff\xfe\x80 and \xc3", "-n", "8", "--temp", "0"});
  CHECK(run.code == 0);
  CHECK(harness::to_valid_utf8(run.out) == run.out);
  const Finished piped = bitharness({"tokenize", "--json"}, std::string("\xff\0\xc3(", 4));
  CHECK(piped.code == 0);
  CHECK(harness::to_valid_utf8(piped.out) == piped.out);
}

TEST_CASE("an empty prompt and a very long one are handled") {
  const Finished empty = bitharness({"run", "-p", "", "-n", "2", "--temp", "0"});
  CHECK((empty.code == 0 || (empty.code == 2 && is_one_clear_line(empty.err))));
  const Finished huge = bitharness({"run", "-f", "-"}, std::string(1'000'000, ' '));
  CHECK(huge.code == 2);
  CHECK(is_one_clear_line(huge.err));
}
