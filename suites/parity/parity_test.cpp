// Two forms of one model are equal; every planted difference is found and named by its tensor and place.
#include "suites/parity/parity.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>

#include "engine/base/error.h"
#include "engine/model/gguf_model_writer.h"
#include "generated/bh_parity.h"
#include "harness/judge/criteria.h"
#include "harness/judge/judge.h"
#include "harness/measure/clock.h"
#include "suites/parity/cases.h"
#include "suites/subjects/subjects.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/twin_models.h"

using namespace bh;
using namespace bh::suites::parity;
using harness::Report;
using harness::Result;
using harness::Verdict;
using test::TwinModels;

namespace {

/// Runs the cases whose id contains `part`, and judges them.
Report run(const std::filesystem::path& folder, const std::filesystem::path& gguf, const std::string& part) {
  const auto options = harness::Options::of(
      option_rows(), {{"safetensors", folder.string()}, {"gguf", gguf.string()}, {"threads", "1"}});
  const auto suite = make({&options, suites::subjects(), harness::system_clock(), {}, {}});
  Report report;
  for (const harness::Case& item : suite->expand()) {
    if (item.id.find(part) == std::string::npos) continue;
    report.cases.push_back(item);
    Result result = suite->run(item);
    result.case_id = item.id;
    report.results.push_back(std::move(result));
  }
  for (auto& expectation : suite->expectations()) {
    if (report.find_case(expectation.case_id) != nullptr) report.expectations.push_back(expectation);
  }
  suite->describe(report);
  harness::judge(report);
  return report;
}

Report run(const TwinModels& twins, const std::string& part) { return run(twins.folder(), twins.gguf(), part); }

std::vector<std::string> not_passed(const Report& report) {
  std::vector<std::string> ids;
  for (const Result& result : report.results) {
    if (result.verdict != Verdict::passed) ids.push_back(result.case_id);
  }
  return ids;
}

const Result& result_of(const Report& report, const std::string& id) {
  for (const Result& result : report.results)
    if (result.case_id == id) return result;
  throw std::out_of_range(id);
}

double metric(const Result& result, const std::string& name) { return *result.find_metric(name)->value; }

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("Two forms of one model are equal in every tensor, packed and master") {
  for (const auto weights : {engine::HfWeights::packed, engine::HfWeights::bf16}) {
    const TwinModels twins(weights);
    const Report report = run(twins, "parity/exact");
    CHECK(not_passed(report) == Ids{});
    CHECK(report.results.size() == 3 + 1 + 2 * (7 + 7 + 4) + 1);
    CHECK(report.outcome.exit_code == 0);
  }
}

TEST_CASE("The same weights give the same logits, rank for rank and bit for bit") {
  const TwinModels twins;
  const Report report = run(twins, "parity/numeric/p0");
  CHECK(not_passed(report) == Ids{});
  const Result& result = result_of(report, "parity/numeric/p0/packed");
  CHECK(metric(result, "tau_b_median") == 1);
  CHECK(metric(result, "mean_nll_difference") == 0);
  CHECK(metric(result, "greedy_equal_share") == 1);
  CHECK(metric(result, "informative_steps") == 20);
  CHECK(result.details.at("logits_identical").as_bool());
  CHECK(result.details.at("logits_required_identical").as_bool());
  CHECK(report.notes.at("pairs").at(0).at("weights_identical").as_bool());
}

TEST_CASE("A flipped code is found and named with its row and column") {
  const TwinModels twins;
  twins.change_gguf("blk.1.ffn_down.weight", [](auto data) { TwinModels::flip_code(data, 256 + 3); });
  const Report report = run(twins, "parity/exact");
  CHECK(not_passed(report) == Ids{"parity/exact/codes/blk.1.ffn_down/packed"});
  const Result& result = result_of(report, "parity/exact/codes/blk.1.ffn_down/packed");
  CHECK(result.verdict == Verdict::failed);
  CHECK_THAT(result.reason,
             Catch::Contains("blk.1.ffn_down") && Catch::Contains("1 of ") && Catch::Contains("first at"));
  CHECK(metric(result, "differing") == 1);
  const auto& first = result.details.at("difference").at("first");
  CHECK(first.at("row").as_int64() * 256 + first.at("col").as_int64() == 256 + 3);
  CHECK(report.outcome.exit_code == 1);
}

TEST_CASE("A packed scale that is one unit in the last place off is found") {
  const TwinModels twins;
  twins.change_folder("model.layers.0.self_attn.v_proj.weight_scale", [](auto data) { data[0] ^= std::byte{1}; });
  const Report report = run(twins, "parity/exact");
  CHECK(not_passed(report) == Ids{"parity/exact/scales/blk.0.attn_v/packed"});
  CHECK_THAT(result_of(report, "parity/exact/scales/blk.0.attn_v/packed").reason, Catch::Contains("blk.0.attn_v"));
}

TEST_CASE("Float32 scales that round to the packed bf16 ones are equal, and logits need not be") {
  const TwinModels twins;
  twins.refine_gguf_scales();
  CHECK(not_passed(run(twins, "parity/exact")) == Ids{});
  const Report report = run(twins, "parity/numeric/p1");
  CHECK(not_passed(report) == Ids{});
  const Result& result = result_of(report, "parity/numeric/p1/packed");
  CHECK_FALSE(result.details.at("logits_required_identical").as_bool());
  CHECK_FALSE(result.details.at("logits_identical").as_bool());
  CHECK_FALSE(report.notes.at("pairs").at(0).at("weights_identical").as_bool());
}

TEST_CASE("A float32 scale that rounds to another bf16 is found") {
  const TwinModels twins;
  twins.refine_gguf_scales();
  twins.change_gguf("blk.0.attn_q.weight", [](auto data) { TwinModels::change_scale(data, 1u << 15); });
  CHECK(not_passed(run(twins, "parity/exact")) == Ids{"parity/exact/scales/blk.0.attn_q/packed"});
}

TEST_CASE("Swapped layers are found in both of them") {
  const TwinModels twins;
  std::vector<std::byte> first, second;
  const auto keep = [](std::vector<std::byte>& place) {
    return [&place](std::span<std::byte> data) { place.assign(data.begin(), data.end()); };
  };
  const auto put = [](const std::vector<std::byte>& from) {
    return [&from](std::span<std::byte> data) { std::copy(from.begin(), from.end(), data.begin()); };
  };
  twins.change_gguf("blk.0.ffn_up.weight", keep(first));
  twins.change_gguf("blk.1.ffn_up.weight", keep(second));
  twins.change_gguf("blk.0.ffn_up.weight", put(second));
  twins.change_gguf("blk.1.ffn_up.weight", put(first));
  Ids found = not_passed(run(twins, "parity/exact/codes"));
  CHECK(found == Ids{"parity/exact/codes/blk.0.ffn_up/packed", "parity/exact/codes/blk.1.ffn_up/packed"});
}

TEST_CASE("A zeroed matrix and a changed norm are found") {
  const TwinModels twins;
  twins.change_gguf("blk.1.attn_k.weight", [](auto data) {
    std::fill(data.begin(), data.end() - static_cast<std::ptrdiff_t>(engine::i2_s::kTail), std::byte{0x55});
  });
  twins.change_folder("model.norm.weight", [](auto data) { data[8] ^= std::byte{1}; });
  const Report report = run(twins, "parity/exact");
  CHECK(not_passed(report) == Ids{"parity/exact/codes/blk.1.attn_k/packed", "parity/exact/norms/output_norm/packed"});
  CHECK_THAT(result_of(report, "parity/exact/norms/output_norm/packed").reason, Catch::Contains("column 4"));
}

TEST_CASE("Embeddings are compared in the coarser type") {
  const TwinModels twins;
  twins.change_folder("model.embed_tokens.weight", [](auto data) { data[2 * 70] ^= std::byte{1}; });
  CHECK(not_passed(run(twins, "parity/exact")) == Ids{"parity/exact/embeddings/token_embd/packed"});
}

TEST_CASE("Quantized embeddings are judged by what their rounding implies") {
  const TwinModels twins;
  const auto model = engine::load_model(twins.folder());
  for (const auto type : {engine::TensorType::q8_0, engine::TensorType::q6_k}) {
    engine::write_gguf(*model, {.embeddings = type}, twins.gguf());
    CHECK(not_passed(run(twins, "parity/exact")) == Ids{});
    const std::string id = "parity/exact/embeddings/token_embd/packed";
    CHECK_THAT(std::string(result_of(run(twins, "embeddings"), id).details.at("equal_if").as_string()),
               Catch::Contains("blocks of " + std::string(engine::weight_format(type).name)));
    // One step of one value is more than rounding does.
    twins.change_gguf("token_embd.weight",
                      [&](auto data) { data[type == engine::TensorType::q8_0 ? 34 * 9 + 2 : 0] ^= std::byte{2}; });
    const Report changed = run(twins, "parity/exact");
    CHECK(not_passed(changed) == Ids{id});
    CHECK_THAT(result_of(changed, id).reason, Catch::Contains("token_embd") && Catch::Contains("1 of "));
  }
}

TEST_CASE("A block scale that the other side's values cannot have given does not excuse its block") {
  const TwinModels twins;
  const auto model = engine::load_model(twins.folder());
  const auto put_scale = [](std::span<std::byte> data, std::size_t at, float scale) {
    const std::uint16_t bits = float_to_half(scale);
    std::memcpy(data.data() + at, &bits, sizeof bits);
  };
  const auto block_of = [](std::size_t bytes, std::span<std::byte> data, std::size_t index) {
    return data.subspan(bytes * index, bytes);
  };
  const auto found = [&](engine::TensorType type, const std::function<void(std::span<std::byte>)>& damage) {
    engine::write_gguf(*model, {.embeddings = type}, twins.gguf());
    twins.change_gguf("token_embd.weight", damage);
    return not_passed(run(twins, "parity/exact")) == Ids{"parity/exact/embeddings/token_embd/packed"};
  };
  CHECK(found(engine::TensorType::q8_0, [&](auto data) {  // a writer that forgets to divide by 127
    for (std::size_t b = 0; b < data.size() / 34; ++b) {
      const auto block = block_of(34, data, b);
      std::uint16_t d = 0;
      std::memcpy(&d, block.data(), sizeof d);
      put_scale(block, 0, 127 * half_to_float(d));
      for (std::byte& level : block.subspan(2))
        level = static_cast<std::byte>(std::lround(std::to_integer<std::int8_t>(level) / 127.0));
    }
  }));
  CHECK(found(engine::TensorType::q8_0, [&](auto data) {
    const auto block = block_of(34, data, 7);
    std::fill(block.begin(), block.end(), std::byte{0});
    put_scale(block, 0, 65504);
  }));
  for (const std::byte group_scale : {std::byte{127}, std::byte{0}}) {
    CHECK(found(engine::TensorType::q6_k, [&](auto data) {
      const auto block = block_of(210, data, 1);
      std::fill_n(block.begin(), 128, std::byte{0});          // ql
      std::fill_n(block.begin() + 128, 64, std::byte{0xaa});  // qh: levels 32 - 32
      std::fill_n(block.begin() + 192, 16, group_scale);
      put_scale(block, 208, 65504);
    }));
  }
}

TEST_CASE("Two models of one shape are no pair") {
  const TwinModels one, other(engine::HfWeights::packed, 6);
  const Report report = run(one.folder(), other.gguf(), "parity/exact/codes");
  CHECK(not_passed(report).size() == report.results.size());
}

TEST_CASE("Models of different shapes are told apart in words") {
  const TwinModels twins;
  engine::SynthOptions options;
  options.n_layer = 1;
  options.n_vocab = 600;
  const auto gguf = twins.home() / "other.gguf";
  engine::write_synth_gguf(options, gguf);
  const Report report = run(twins.folder(), gguf, "parity/");
  CHECK(report.outcome.exit_code == 1);
  const Result& metadata = result_of(report, "parity/exact/metadata/packed");
  CHECK_THAT(metadata.reason, Catch::Contains("n_vocab") && Catch::Contains("n_layer"));
  CHECK_THAT(result_of(report, "parity/exact/codes/blk.1.attn_q/packed").reason,
             Catch::Contains("missing in the GGUF file"));
  CHECK_THAT(result_of(report, "parity/numeric/p0/packed").reason, Catch::Contains("not two forms of one model"));
}

TEST_CASE("A tensor that one file lacks is a set-up error that names it") {
  const TwinModels twins;
  const auto path = twins.folder() / "model.safetensors";
  auto bytes = test::read_bytes(path);
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  text.replace(text.find("layers.1.mlp.up_proj.weight\""), 27, "layers.1.mlp.uq_proj.weight");
  std::ofstream(path, std::ios::binary) << text;
  try {
    run(twins, "parity/");
    FAIL("it loaded");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::setup);
    CHECK_THAT(error.what(), Catch::Contains("layers.1.mlp.up_proj.weight"));
  }
}

TEST_CASE("Int8 activations stay near float activations on the shipped model") {
  const Report report =
      run(test::shipped_model() / "bf16", test::shipped_model() / "kjv-3m-i2_s.gguf", "parity/quantized/p0");
  CHECK(not_passed(report) == Ids{});
  const Result& result = result_of(report, "parity/quantized/p0/master");
  CHECK(metric(result, "tau_b_median") > 0.7);
  CHECK(metric(result, "tau_b_median") < 1);
}

TEST_CASE("The criteria bound every kind of case, and strict ones are stricter") {
  const auto criteria = harness::Criteria::parse(embedded::parity::criteria_json(), "criteria.json", "parity");
  const Ids ids = {"parity/exact/metadata/packed",
                   "parity/exact/vocabulary/packed",
                   "parity/exact/token-ids/packed",
                   "parity/exact/codes/blk.0.attn_q/packed",
                   "parity/exact/scales/blk.0.attn_q/m",
                   "parity/exact/norms/output_norm/packed",
                   "parity/exact/embeddings/token_embd/m",
                   "parity/numeric/p0/packed",
                   "parity/quantized/p0/master"};
  double least[2] = {};
  for (const char* name : {"default", "strict"}) {
    const auto& profile = criteria.named(name);
    criteria.check_cases(profile, ids);
    const auto all = criteria.expectations(profile, ids);
    for (const std::string& id : ids) {
      CAPTURE(name, id);
      CHECK(std::any_of(all.begin(), all.end(),
                        [&](const auto& item) { return item.case_id == id && item.metric.empty(); }));
      CHECK(std::any_of(all.begin(), all.end(),
                        [&](const auto& item) { return item.case_id == id && !item.metric.empty(); }));
    }
    for (const auto& item : all) {
      if (item.case_id == ids.back() && item.metric == "tau_b_median") least[name == std::string("strict")] = *item.min;
    }
  }
  CHECK(least[0] == 0.60);
  CHECK(least[1] == 0.70);
}
