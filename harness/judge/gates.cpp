#include "harness/judge/gates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>

#include "engine/base/error.h"
#include "harness/core/receipt.h"
#include "harness/judge/receipt_evidence.h"

namespace bh::harness {

namespace {

constexpr std::size_t kLongestId = 128;
constexpr std::size_t kMostKernels = 10000;
constexpr double kMostBandwidth = 1.2;  // decoding cannot read faster than memory does; the rest is the probe's noise

/// What the gates look at, with null for what is not there.
struct Receipt {
  const json::object& all;
  const GateOptions& options;

  const json::value& at(std::string_view key) const { return member(all, key); }
  const json::value& at(std::string_view key, std::string_view inner) const {
    const json::value& outer = at(key);
    return outer.is_object() ? member(outer.get_object(), inner) : null();
  }
  std::string text(std::string_view key) const {
    const json::value& value = at(key);
    return value.is_string() ? std::string(value.get_string()) : std::string();
  }
  std::optional<std::uint64_t> count(std::string_view key, std::string_view inner) const {
    const json::value& value = at(key, inner);
    return whole(value);
  }
  std::vector<std::string> kernels() const {
    std::vector<std::string> ids;
    if (!at("kernels").is_array()) return ids;
    for (const json::value& id : at("kernels").get_array()) {
      if (id.is_string()) ids.emplace_back(id.get_string());
    }
    return ids;
  }

  static std::optional<std::uint64_t> whole(const json::value& value) {
    if (value.is_uint64()) return value.get_uint64();
    if (value.is_int64() && value.get_int64() >= 0) return static_cast<std::uint64_t>(value.get_int64());
    return std::nullopt;
  }

 private:
  static const json::value& null() {
    static const json::value kNull;
    return kNull;
  }
  static const json::value& member(const json::object& object, std::string_view key) {
    const json::value* value = find(object, key);
    return value == nullptr ? null() : *value;
  }
};

struct Ruling {
  Verdict verdict;
  std::string message;
};

Ruling passed(std::string message) { return {Verdict::passed, std::move(message)}; }
Ruling failed(std::string message) { return {Verdict::failed, std::move(message)}; }

bool starts_with_any(std::string_view id, std::initializer_list<std::string_view> beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](std::string_view beginning) { return id.substr(0, beginning.size()) == beginning; });
}

bool holds_any(std::string_view id, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return id.find(part) != std::string_view::npos; });
}

bool is_fallback(std::string_view id) { return holds_any(id, {".scalar", ".reference", "fallback", "dequant"}); }
bool is_quantized(std::string_view id) { return starts_with_any(id, {"i2_s.", "tl1.", "tl2."}); }
bool is_gpu(std::string_view id) { return holds_any(id, {".cuda", ".sm_", ".sm1", ".sm8", ".sm9"}); }
bool gpu_backend(const Receipt& receipt) { return receipt.text("backend").substr(0, 4) == "cuda"; }

Ruling schema_is_known(const Receipt& receipt) {
  const std::string version = receipt.text("schema_version");
  if (version == kReceiptVersion) return passed("schema " + version);
  return failed(fmt::format("schema_version is '{}'; this bitharness knows {}", version, kReceiptVersion));
}

Ruling compute_path_is_real(const Receipt& receipt) {
  const std::string path = receipt.text("compute_path");
  return path == "real" ? passed("a real model computed")
                        : failed(fmt::format("compute_path is '{}', not 'real'", path));
}

Ruling kernels_are_there(const Receipt& receipt) {
  const json::value& kernels = receipt.at("kernels");
  if (!kernels.is_array()) return failed("'kernels' is no list");
  if (kernels.get_array().empty()) return failed("no kernel ran: nothing was computed");
  return passed(fmt::format("{} kernels ran", kernels.get_array().size()));
}

Ruling kernel_ids_are_text(const Receipt& receipt) {
  const json::value& kernels = receipt.at("kernels");
  if (!kernels.is_array()) return failed("'kernels' is no list");
  for (std::size_t i = 0; i < kernels.get_array().size(); ++i) {
    if (!kernels.get_array()[i].is_string()) return failed(fmt::format("kernels[{}] is no string", i));
  }
  return passed("every id is a string");
}

Ruling kernel_ids_are_clean(const Receipt& receipt) {
  const auto ids = receipt.kernels();
  if (ids.size() > kMostKernels)
    return failed(fmt::format("{} ids; at most {} are believable", ids.size(), kMostKernels));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].find_first_not_of(" \t\r\n") == std::string::npos) return failed(fmt::format("kernels[{}] is blank", i));
    if (ids[i].size() > kLongestId) {
      return failed(fmt::format("kernels[{}] has {} characters; at most {}", i, ids[i].size(), kLongestId));
    }
  }
  return passed(fmt::format("none blank, none above {} characters", kLongestId));
}

Ruling gpu_has_gpu_kernel(const Receipt& receipt) {
  if (!gpu_backend(receipt)) return {Verdict::skipped, "no GPU is claimed"};
  const auto ids = receipt.kernels();
  const auto found = std::find_if(ids.begin(), ids.end(), is_gpu);
  if (found == ids.end()) return failed("the backend is a GPU, but no GPU kernel ran");
  return passed(*found + " ran");
}

Ruling cpu_has_quantized_kernel(const Receipt& receipt) {
  if (gpu_backend(receipt)) return {Verdict::skipped, "the backend is a GPU"};
  if (receipt.text("backend") != "cpu") {
    return failed(fmt::format("the backend '{}' is neither cpu nor cuda", receipt.text("backend")));
  }
  for (const std::string& id : receipt.kernels()) {
    if (is_quantized(id) && !is_fallback(id)) return passed(id + " ran");
  }
  return failed("no quantized kernel ran that is not a fallback (scalar, reference, dequantized)");
}

Ruling not_fallback_alone(const Receipt& receipt) {
  const auto ids = receipt.kernels();
  const auto own = std::count_if(ids.begin(), ids.end(), [](const std::string& id) { return !is_fallback(id); });
  if (own == 0) return failed("every kernel that ran is a fallback: no claim rests on that");
  return passed(fmt::format("{} of {} kernels are no fallbacks", own, ids.size()));
}

Ruling no_mock_ids(const Receipt& receipt) {
  for (std::string id : receipt.kernels()) {
    std::string lower = id;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
    if (lower.find("mock") != std::string::npos) return failed(fmt::format("the kernel '{}' is a mock", id));
  }
  return passed("no id says mock");
}

Ruling is_deterministic(const Receipt& receipt) {
  const json::value& value = receipt.at("deterministic");
  if (value.is_bool() && value.get_bool()) return passed("token by token and all at once led to the same tokens");
  return failed("token by token and all at once led to different tokens, or nobody looked");
}

Ruling nothing_failed(const Receipt& receipt) {
  const auto failures = receipt.count("test_results", "failed"), ran = receipt.count("test_results", "total");
  const auto interrupted = receipt.count("test_results", "interrupted");
  if (!failures || !ran || !interrupted) return failed("test_results does not say how many cases failed");
  if (*failures > 0) return failed(fmt::format("{} of {} cases failed", *failures, *ran));
  if (*interrupted > 0) return failed(fmt::format("the run was interrupted before {} cases", *interrupted));
  if (*ran == 0) return failed("no case ran");
  const auto code = receipt.count("test_results", "exit_code");
  if (!code) return failed("test_results does not say how the run ended");
  if (*code == 3) return {Verdict::untrusted, "the run itself was inconclusive (exit code 3)"};
  if (*code != 0) return failed(fmt::format("the run itself ended with exit code {}", *code));
  return passed(fmt::format("none of {} cases failed", *ran));
}

Ruling nothing_was_corrected(const Receipt& receipt) {
  const json::value& corrections = receipt.at("corrections");
  if (!corrections.is_array()) return failed("'corrections' is no list");
  const std::size_t count = corrections.get_array().size();
  if (count == 0) return passed("nothing was corrected on the way");
  const std::string message = fmt::format("{} corrections were applied", count);
  return receipt.options.allow_corrections ? Ruling{Verdict::warned, message + ", which is allowed"}
                                           : failed(message + "; --allow-corrections permits them");
}

Ruling bandwidth_is_plausible(const Receipt& receipt) {
  const json::value& value = receipt.at("performance_baseline", "bandwidth_fraction");
  if (value.is_null()) return {Verdict::skipped, "no share of the memory's bandwidth was measured"};
  if (!value.is_number()) return failed("bandwidth_fraction is no number");
  const double fraction = value.to_number<double>();
  const std::string message = fmt::format("decoding read at {:.3g} of the measured bandwidth", fraction);
  if (!(fraction > 0 && fraction <= kMostBandwidth)) {
    return failed(fmt::format("{}, which is not within 0 and {}", message, kMostBandwidth));
  }
  return passed(message);
}

/// Rows x matrices of the ternary kernels, from the counts: nullopt where they do not fit the list of ids.
std::optional<std::uint64_t> counted_products(const Receipt& receipt) {
  const json::value& counts = receipt.at("kernel_counts");
  const auto ids = receipt.kernels();
  if (!counts.is_object() || counts.get_object().size() != ids.size()) return std::nullopt;
  std::uint64_t products = 0;
  for (const std::string& id : ids) {
    const json::value* value = find(counts.get_object(), id);
    const auto count = value == nullptr ? std::nullopt : Receipt::whole(*value);
    if (!count || *count == 0) return std::nullopt;
    if (is_quantized(id)) products += *count;
  }
  return products;
}

Ruling counts_are_the_work(const Receipt& receipt) {
  const json::value& prompt = receipt.at("replay", "prompt_ids");
  const auto layers = receipt.count("model_info", "layers"), tokens = receipt.count("replay", "generated_tokens");
  if (!layers || !tokens || !prompt.is_array()) return failed("layers, prompt_ids or generated_tokens is missing");
  const auto counted = counted_products(receipt);
  if (!counted) return failed("kernel_counts and kernels do not name the same ids, each with a count above 0");
  constexpr std::uint64_t kMost = 1 << 24;
  if (*layers > kMost || *tokens > kMost) return failed("layers or generated_tokens is absurdly large");
  const auto expected = expected_products(*layers, prompt.get_array().size(), *tokens);
  const std::string work =
      fmt::format("{} layers, {} prompt tokens and {} generated ones", *layers, prompt.get_array().size(), *tokens);
  if (*counted != expected)
    return failed(fmt::format("{} products were counted; {} need {}", *counted, work, expected));
  return passed(fmt::format("{} products, as {} need", *counted, work));
}

struct Gate {
  const char* name;
  Ruling (*judge)(const Receipt& receipt);
};

constexpr std::array kGates = {
    Gate{"1 schema", schema_is_known},
    Gate{"2 compute path", compute_path_is_real},
    Gate{"3 kernels", kernels_are_there},
    Gate{"4 kernel ids", kernel_ids_are_text},
    Gate{"5 hygiene", kernel_ids_are_clean},
    Gate{"6 GPU kernels", gpu_has_gpu_kernel},
    Gate{"7 quantized kernels", cpu_has_quantized_kernel},
    Gate{"8 no fallback alone", not_fallback_alone},
    Gate{"no mock", no_mock_ids},
    Gate{"deterministic", is_deterministic},
    Gate{"no failure", nothing_failed},
    Gate{"no corrections", nothing_was_corrected},
    Gate{"plausible bandwidth", bandwidth_is_plausible},
    Gate{"counted work", counts_are_the_work},
};

}  // namespace

std::vector<Check> judge_receipt(const json::object& receipt, const GateOptions& options) {
  const Receipt view{receipt, options};
  std::vector<Check> checks;
  for (const Gate& gate : kGates) {
    Ruling ruling = gate.judge(view);
    checks.push_back({gate.name, ruling.verdict, std::move(ruling.message)});
  }
  return checks;
}

}  // namespace bh::harness
