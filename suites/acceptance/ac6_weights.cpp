// AC6: the files are sound down to every stored value, and the weights look like weights of a trained model.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <span>

#include "engine/base/error.h"
#include "engine/base/mapped_file.h"
#include "engine/model/gguf.h"
#include "engine/model/hf_files.h"
#include "engine/model/safetensors.h"
#include "engine/model/stats.h"
#include "harness/judge/weight_rules.h"
#include "suites/acceptance/cases.h"

namespace bh::suites::acceptance {

namespace fs = std::filesystem;
using engine::Matrix;
using engine::Model;
using engine::TensorStats;
using harness::Result;

namespace {

/// A file cut anywhere in its header is refused, not read past its end: the share of cuts for which that is so.
double truncations_refused(std::span<const std::byte> header,
                           const std::function<void(std::span<const std::byte>)>& parse) {
  constexpr std::size_t kCuts = 64;
  std::size_t refused = 0;
  for (std::size_t cut = 0; cut < kCuts; ++cut) {
    try {
      parse(header.first(header.size() * cut / kCuts));
    } catch (const Error& error) {
      refused += error.kind() == ErrorKind::setup ? 1 : 0;
    }
  }
  return static_cast<double>(refused) / kCuts;
}

/// The least of all files of a folder.
double folder_truncations_refused(const fs::path& folder) {
  double share = 1;
  for (const fs::path& path : engine::hf_model_files(folder)) {
    if (path.extension() != ".safetensors") continue;
    const engine::SafeTensorsFile file = engine::SafeTensorsFile::open(path);
    const std::span<const std::byte> bytes = file.mapping()->bytes();
    std::size_t header = bytes.size();
    for (const engine::SafeTensor& tensor : file.tensors()) header -= tensor.bytes.size();
    share = std::min(share, truncations_refused(bytes.first(header), [&](std::span<const std::byte> cut) {
                       static_cast<void>(engine::SafeTensorsFile::parse(cut, path.string()));
                     }));
  }
  return share;
}

bool same_codes(const Matrix& a, const Matrix& b) {
  if (a.rows != b.rows || a.cols != b.cols || a.format != b.format) return false;
  const auto codes = static_cast<std::size_t>(a.rows * a.cols / 4);
  return std::equal(a.bytes.begin(), a.bytes.begin() + static_cast<std::ptrdiff_t>(codes), b.bytes.begin());
}

/// Ternary matrices of two models that hold the same codes.
double same_code_share(const Model& a, const Model& b) {
  std::int64_t all = 0, same = 0;
  const auto left = a.matrices(), right = b.matrices();
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (!left[i]->format->ternary) continue;
    ++all;
    same += i < right.size() && same_codes(*left[i], *right[i]) ? 1 : 0;
  }
  return all == 0 ? 0 : static_cast<double>(same) / static_cast<double>(all);
}

}  // namespace

Result check_structure(Workbench& bench) {
  Result result;
  const fs::path path = bench.model_path();
  const auto model = engine::load_model(path, {.pre_tokenizer = {}, .check_values = true});
  add(result, "matrices", static_cast<double>(model->matrices().size()));
  json::array warnings;
  for (const std::string& warning : model->source.warnings) warnings.emplace_back(warning);
  add(result, "warnings", static_cast<double>(warnings.size()));
  if (!fs::is_directory(path)) {
    const engine::GgufFile file = engine::GgufFile::open(path);
    const MappedFile mapped = MappedFile::open(path);
    add(result, "keys", static_cast<double>(file.keys().size()));
    add(result, "tensors", static_cast<double>(file.tensors().size()));
    add(result, "truncations_refused_share",
        truncations_refused(
            mapped.bytes().first(static_cast<std::size_t>(file.data_start())),
            [&](std::span<const std::byte> cut) { static_cast<void>(engine::GgufFile::parse(cut, file.where())); }));
  } else {
    add(result, "truncations_refused_share", folder_truncations_refused(path));
  }
  result.details["format"] = model->source.format;
  result.details["warnings"] = std::move(warnings);
  return result;
}

Result check_weights(Workbench& bench) {
  const auto model = bench.model();
  const harness::WeightRules rules = harness::weight_rules_for(model->config.architecture);
  Result result;
  std::int64_t faults = 0, zero = 0, nonfinite = 0, illegal = 0;
  json::array tensors;
  const auto all = engine::model_stats(*model);
  for (const TensorStats& stats : all) {
    const std::string fault = harness::find_fault(rules, stats);
    if (!fault.empty()) result.violations.push_back({"suspicious_weights", "", stats.name, fault});
    faults += fault.empty() ? 0 : 1;
    zero += stats.zero_fraction >= 1 ? 1 : 0;
    nonfinite += stats.nonfinite;
    illegal += stats.illegal_codes;
    tensors.push_back(json::object{
        {"name", stats.name}, {"rms", stats.rms}, {"zero_fraction", stats.zero_fraction}, {"fault", fault}});
  }
  add(result, "tensors", static_cast<double>(all.size()));
  add(result, "faulty_tensors", static_cast<double>(faults));
  add(result, "all_zero", static_cast<double>(zero));
  add(result, "nonfinite_values", static_cast<double>(nonfinite));
  add(result, "illegal_codes", static_cast<double>(illegal));
  result.details["rules"] = rules.name;
  result.details["tensors"] = std::move(tensors);
  return result;
}

Result check_sibling_folders(Workbench& bench) {
  const auto recorded = bench.recorded();
  if (!recorded) return skipped("no SafeTensors folders are known to hold this model's weights");
  Result result;
  std::vector<double> shares;
  json::array folders;
  for (const fs::path& folder : bench.data_folders()) {
    for (const char* name : {"bf16", "packed"}) {
      if (!fs::is_directory(folder / name) || shares.size() == 2) continue;
      const auto sibling = engine::load_model(folder / name, {.pre_tokenizer = {}, .check_values = true});
      shares.push_back(same_code_share(*bench.model(), *sibling));
      folders.push_back(json::object{
          {"folder", (folder / name).string()}, {"format", sibling->source.format}, {"same_codes", shares.back()}});
    }
  }
  if (shares.empty()) return skipped("no SafeTensors folders lie beside the model");
  add(result, "folders", static_cast<double>(shares.size()));
  add_samples(result, "same_code_share", *std::min_element(shares.begin(), shares.end()), "", shares);
  result.details["folders"] = std::move(folders);
  return result;
}

}  // namespace bh::suites::acceptance
