// parity and convert as users call them: the built binary on the shipped model and on made twins with planted defects.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "engine/base/json.h"
#include "tests/cli/process.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/twin_models.h"

using namespace bh;
using namespace bh::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

Finished parity(const TwinModels& twins, std::vector<std::string> more = {}) {
  std::vector<std::string> args = {"parity", "--safetensors", twins.folder().string(), "--gguf", twins.gguf().string()};
  args.insert(args.end(), more.begin(), more.end());
  return bitharness(args);
}

/// Exactly the tensors named are found, on the standard output and by the exit code.
void check_found(const TwinModels& twins, const std::set<std::string>& cases) {
  const Finished run = parity(twins, {"--json", "--filter", "parity/exact"});
  CAPTURE(run.err);
  CHECK(run.code == 1);
  std::set<std::string> failed;
  const auto report = parse_json(run.out, "stdout");
  for (const auto& result : report.at("results").as_array()) {
    if (result.at("verdict") == "passed") continue;
    failed.insert(std::string(result.at("case_id").as_string()));
    const std::string id(result.at("case_id").as_string()),
        tensor = id.substr(id.find("blk."), id.rfind('/') - id.find("blk."));
    CHECK_THAT(std::string(result.at("reason").as_string()), Contains(tensor));
  }
  CHECK(failed == cases);
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

}  // namespace

TEST_CASE("parity passes on the shipped model's three forms, also in strict mode") {
  const Finished run = bitharness({"parity", "--strict", "--json"});
  INFO(run.err);
  REQUIRE(run.code == 0);
  const auto report = parse_json(run.out, "stdout");
  CHECK(report.at("notes").at("profile") == "strict");
  std::set<std::string> pairs;
  for (const auto& pair : report.at("notes").at("pairs").as_array()) {
    pairs.insert(std::string(pair.at("pair").as_string()));
  }
  CHECK(pairs == std::set<std::string>{"master", "packed"});
  for (const auto& result : report.at("results").as_array()) CHECK(result.at("verdict") == "passed");
}

TEST_CASE("every planted difference is named by its tensor") {
  {
    const TwinModels twins;
    twins.change_gguf("blk.1.ffn_down.weight", [](auto data) { TwinModels::flip_code(data, 4321); });
    check_found(twins, {"parity/exact/codes/blk.1.ffn_down/packed"});
  }
  {
    const TwinModels twins;
    twins.change_folder("model.layers.1.mlp.up_proj.weight_scale", [](auto data) { data[0] ^= std::byte{1}; });
    check_found(twins, {"parity/exact/scales/blk.1.ffn_up/packed"});
  }
  {
    const TwinModels twins;
    std::vector<std::byte> first, second;
    twins.change_gguf("blk.0.attn_q.weight", [&](auto data) { first.assign(data.begin(), data.end()); });
    twins.change_gguf("blk.1.attn_q.weight", [&](auto data) {
      second.assign(data.begin(), data.end());
      std::copy(first.begin(), first.end(), data.begin());
    });
    twins.change_gguf("blk.0.attn_q.weight", [&](auto data) { std::copy(second.begin(), second.end(), data.begin()); });
    check_found(twins, {"parity/exact/codes/blk.0.attn_q/packed", "parity/exact/codes/blk.1.attn_q/packed",
                        "parity/exact/scales/blk.0.attn_q/packed", "parity/exact/scales/blk.1.attn_q/packed"});
  }
  {
    const TwinModels twins;
    twins.change_gguf("blk.0.attn_output.weight", [](auto data) {
      std::fill(data.begin(), data.end() - static_cast<std::ptrdiff_t>(engine::i2_s::kTail), std::byte{0x55});
    });
    check_found(twins, {"parity/exact/codes/blk.0.attn_output/packed"});
  }
}

TEST_CASE("parity takes float32 scales that round to the packed ones, and says what the case line is") {
  const TempFolder home;
  const auto gguf = home / "model.gguf";
  fs::copy_file(shipped_model() / "kjv-3m-i2_s.gguf", gguf);
  fs::permissions(gguf, fs::perms::owner_write, fs::perm_options::add);
  TwinModels::refine_scales(gguf);
  std::vector<std::string> args = {"parity", "--safetensors", (shipped_model() / "packed").string(), "--gguf",
                                   gguf.string()};
  const Finished run = bitharness(args);
  INFO(run.out);
  CHECK(run.code == 0);
  args.insert(args.end(), {"--repro", "--filter", "parity/numeric/p2/packed"});
  const Finished list = bitharness(args);
  CHECK_THAT(list.out, Contains("--filter parity/numeric/p2/packed"));
}

TEST_CASE("parity of one file, of a folder without a model and of two models is refused in words") {
  const TwinModels twins, other(engine::HfWeights::packed, 99);
  CHECK(bitharness({"parity", "--gguf", twins.gguf().string()}).code == 2);
  const Finished none =
      bitharness({"parity", "--safetensors", twins.home().path().string(), "--gguf", twins.gguf().string()});
  CHECK(none.code == 4);
  CHECK_THAT(none.err, Contains("config.json"));
  const Finished two =
      bitharness({"parity", "--safetensors", twins.folder().string(), "--gguf", other.gguf().string()});
  CHECK(two.code == 1);
}

TEST_CASE("parity passes where the GGUF file's embeddings are quantized, and not where one of them is changed") {
  const TempFolder home;
  for (const std::string type : {"q8_0", "q6_k"}) {
    const std::string gguf = (home / (type + ".gguf")).string();
    REQUIRE(
        bitharness({"convert", (shipped_model() / "packed").string(), gguf, "--to", "gguf", "--embedding-type", type})
            .code == 0);
    for (const char* folder : {"packed", "bf16"}) {
      const std::vector<std::string> args = {"parity", "--safetensors", (shipped_model() / folder).string(), "--gguf",
                                             gguf};
      const Finished run = bitharness(args);
      CAPTURE(type, folder, run.out);
      CHECK(run.code == 0);
    }
  }
}

TEST_CASE("convert there and back keeps every code, and parity agrees") {
  const TwinModels twins;
  const std::string folder = (twins.home() / "made").string(), back = (twins.home() / "back.gguf").string();
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"convert", twins.gguf().string(), folder}, {"convert", folder, back}}) {
    const Finished run = bitharness(args);
    INFO(run.err);
    REQUIRE(run.code == 0);
    CHECK(run.out == args.back() + "\n");
    CHECK_THAT(run.err, Contains("0 rounded"));
  }
  CHECK(bitharness({"parity", "--safetensors", folder, "--gguf", back}).code == 0);
  const Finished again = bitharness({"convert", folder, back});
  CHECK(again.code == 2);
  CHECK(is_one_clear_line(again.err));
  CHECK(bitharness({"convert", folder}).code == 2);
  CHECK(bitharness({"convert", folder, back, "--layout", "master"}).code == 2);
}

TEST_CASE("a conversion that a full disk ends leaves the old files whole, and no rest") {
  const TwinModels twins;
  const auto target = twins.home() / "out";
  REQUIRE(bitharness({"convert", twins.gguf().string(), target.string()}).code == 0);
  const auto before = read_bytes(target / "model.safetensors");
  const auto names = names_in(twins.home().path()), inside = names_in(target);
  for (const std::size_t limit : {1000, 100000}) {
    Start start{{"convert", twins.gguf().string(), target.string(), "--force", "--layout", "master"}, {}, ""};
    start.largest_file = limit;
    const Finished run = Process(start).finish();
    CHECK(run.code == 4);
    CHECK(is_one_clear_line(run.err));
  }
  CHECK(read_bytes(target / "model.safetensors") == before);
  CHECK(names_in(twins.home().path()) == names);
  CHECK(names_in(target) == inside);
}

TEST_CASE("a model cut off is not converted, and nothing is left of the attempt") {
  const TwinModels twins;
  fs::resize_file(twins.gguf(), fs::file_size(twins.gguf()) / 2);
  const Finished run = bitharness({"convert", twins.gguf().string(), (twins.home() / "out").string()});
  CHECK(run.code == 4);
  CHECK(is_one_clear_line(run.err));
  CHECK(names_in(twins.home().path()) == std::set<std::string>{"folder", "model.gguf"});
}
