// A run with a sound receipt, made by hand, for tests that spoil it.
#pragma once

#include <string>

#include "harness/core/receipt.h"
#include "harness/core/report.h"

namespace bh::test {

/// 2 layers, 3 prompt tokens, 4 generated ones: 3 * 2 * 6 + 4 * (1 * 6 + 4) products.
inline harness::Report report_with_receipt(const std::string& model_sha256, const std::string& binary_sha256) {
  harness::Report report;
  report.suite = "acceptance";
  report.command_line = "bitharness acceptance -o out";
  report.started_at = report.finished_at = "2026-01-02T03:04:05.678Z";
  report.environment.cpu_model = "a CPU";
  report.cases = {{"acceptance/ac3/pipeline", "the whole way", {}, ""}};
  harness::Result result;
  result.case_id = "acceptance/ac3/pipeline";
  report.results = {result};
  report.notes[harness::kReceiptNote] = json::object{
      {"compute_path", "real"},
      {"backend", "cpu"},
      {"backend_summary", "requested=auto detected=[cpu] selected=cpu"},
      {"kernels", {"i2_s.avx2", "f16.avx2"}},
      {"kernel_counts", {{"i2_s.avx2", 76}, {"f16.avx2", 4}}},
      {"deterministic", true},
      {"binary_sha256", binary_sha256},
      {"model_info",
       {{"model_path", "model.gguf"},
        {"quantization_type", "I2_S"},
        {"layers", 2},
        {"hidden_size", 640},
        {"num_attention_heads", 10},
        {"num_key_value_heads", 5},
        {"vocab_size", 4096},
        {"sha256", model_sha256}}},
      {"performance_baseline",
       {{"tokens_generated", 4},
        {"total_time_ms", 2.5},
        {"tokens_per_second", 1500.0},
        {"first_token_latency_ms", 0.5},
        {"average_token_latency_ms", 0.66},
        {"memory_usage_mb", 30.5},
        {"bytes_per_token", 1e6},
        {"read_bytes_per_second", 2e10},
        {"bandwidth_fraction", 0.075}}},
      {"parity",
       {{"cpp_available", false}, {"cosine_similarity", 0.99999}, {"exact_match_rate", 1.0}, {"status", "recorded"}}},
      {"corrections", json::array()},
      {"logits_hash", std::string(64, 'a')},
      {"tokens_hash", std::string(64, 'b')},
      {"replay", {{"numerics", "one_answer"}, {"prompt_ids", {1, 2, 3}}, {"generated_tokens", 4}}}};
  return report;
}

}  // namespace bh::test
