// The evidence of a receipt on the shipped model: kernels counted where they ran, exactly as often as the work needs.
#include <map>

#include "engine/cpu/kernel_table.h"
#include "harness/judge/receipt_evidence.h"
#include "harness/measure/clock.h"
#include "suites/acceptance/acceptance.h"
#include "suites/acceptance/cases.h"
#include "suites/subjects/subjects.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace bh;
using namespace bh::suites::acceptance;

namespace {

json::object receipt_note(const std::string& kernel, std::string subject = "engine") {
  std::map<std::string, std::string> values{{"model", (test::shipped_model() / "kjv-3m-i2_s.gguf").string()},
                                            {"threads", "1"},
                                            {"subject", std::move(subject)}};
  if (!kernel.empty()) values["kernel"] = kernel;
  if (values["subject"] == "mock") values = {{"subject", "mock"}, {"allow-mock", "true"}};
  const auto options = harness::Options::of(option_rows(), values);
  Workbench bench({&options, suites::subjects(), harness::system_clock(), {}, {}});
  check_pipeline(bench);
  return *bench.receipt_note;
}

std::uint64_t count_of(const json::object& note, std::string_view family) {
  std::uint64_t sum = 0;
  for (const auto& member : note.at("kernel_counts").as_object()) {
    const std::string_view id(member.key().data(), member.key().size());
    if (id.substr(0, family.size()) == family && id[family.size()] == '.')
      sum += member.value().to_number<std::uint64_t>();
  }
  return sum;
}

}  // namespace

TEST_CASE("kernel counts equal layers x tokens x ops on the shipped model") {
  const json::object note = receipt_note("");
  const auto layers = note.at("model_info").at("layers").to_number<std::uint64_t>();
  const auto heads = note.at("model_info").at("num_attention_heads").to_number<std::uint64_t>();
  const std::uint64_t prompt = note.at("replay").at("prompt_ids").as_array().size();
  const auto generated = note.at("replay").at("generated_tokens").to_number<std::uint64_t>();
  REQUIRE(layers > 1);
  REQUIRE(prompt > 1);
  REQUIRE(generated > 1);
  // Counted step by step, as the forward pass goes: behind the last layer's attention only rows that want logits go on.
  std::uint64_t products = 0, norms = 0, quantized = 0, attended = 0, gated = 0, logits = 0;
  for (std::uint64_t step = 0; step < generated; ++step) {
    const std::uint64_t rows = step == 0 ? prompt : 1;
    for (std::uint64_t layer = 0; layer < layers; ++layer) {
      const std::uint64_t kept = layer + 1 == layers ? 1 : rows;
      products += 3 * rows + 4 * kept;  // q k v; o gate up down
      quantized += rows + 3 * kept;     // inputs of q k v, of o, of gate and up, of down
      norms += rows + 3 * kept;         // attention, its sub-norm, feed-forward, its sub-norm
      attended += rows * heads;
      gated += kept;
    }
    norms += 1;
    logits += 1;
  }
  CHECK(count_of(note, "i2_s") == products);
  CHECK(products == harness::expected_products(layers, prompt, generated));
  CHECK(count_of(note, "quantize_i8") == quantized);
  CHECK(count_of(note, "rms_norm") == norms);
  CHECK(count_of(note, "attention") == attended);
  CHECK(count_of(note, "glu") == gated);
  CHECK(count_of(note, "f16") == logits);
}

TEST_CASE("the option --kernel changes which kernels are counted, not how often nor what comes out") {
  const json::object best = receipt_note(""), scalar = receipt_note("scalar");
  const bool choice = engine::bind_kernels().ternary_name != "i2_s.scalar";
  if (!choice) WARN("scalar is the best there is here: nothing to choose");
  CHECK((scalar.at("kernels") != best.at("kernels")) == choice);
  CHECK(scalar.at("kernel_counts").as_object().contains("i2_s.scalar"));
  CHECK(best.at("kernel_counts").as_object().contains("i2_s.scalar") != choice);
  CHECK(count_of(scalar, "i2_s") == count_of(best, "i2_s"));
  CHECK(scalar.at("tokens_hash") == best.at("tokens_hash"));
  CHECK(scalar.at("logits_hash") == best.at("logits_hash"));
  CHECK(best.at("deterministic") == true);
}

TEST_CASE("a mock's evidence says mock and names no model") {
  const json::object note = receipt_note("", "mock");
  CHECK(note.at("compute_path") == "mock");
  CHECK(note.at("backend") == "mock");
  CHECK(note.at("model_info").is_null());
  CHECK(note.at("kernels") == json::value(json::array{"mock"}));
}
