// Made models as Hugging Face folders: config.json, tokenizer files and one model.safetensors.
#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/base/error.h"
#include "engine/base/float_types.h"
#include "engine/base/json.h"
#include "engine/model/hf_config.h"
#include "engine/model/hf_names.h"
#include "engine/model/safetensors.h"
#include "engine/model/synth_plan.h"
#include "engine/model/vocabulary_hf_writer.h"

namespace bh::engine {
namespace {

constexpr std::int64_t kChunkRows = 16;

/// Fills tensors of a folder.
class Filler {
 public:
  explicit Filler(const SynthPlan& plan) : plan_(plan) {}

  void packed(const SynthTensor& tensor, std::span<std::byte> dst) {
    const std::int64_t quarter = tensor.rows / 4;
    for_each_row(quarter, tensor.cols, [&](std::int64_t row, std::span<std::uint8_t> codes) {
      const auto packed_row = dst.subspan(static_cast<std::size_t>(row * tensor.cols), codes.size());
      for (unsigned part = 0; part < 4; ++part) {
        synth_codes(plan_, tensor, stored_row(plan_.config, tensor.name, part * quarter + row) * tensor.cols, codes);
        for (std::size_t i = 0; i < codes.size(); ++i) packed_row[i] |= static_cast<std::byte>(codes[i] << (2 * part));
      }
    });
  }
  void master(const SynthTensor& tensor, std::span<std::byte> dst) {
    const auto values = as_bf16(dst);
    for_each_row(tensor.rows, 0, [&](std::int64_t row, std::span<std::uint8_t>) {
      synth_master(plan_, tensor, stored_row(plan_.config, tensor.name, row) * tensor.cols,
                   row_of(values, tensor, row));
    });
  }
  void floats(const SynthTensor& tensor, std::span<std::byte> dst) {
    const auto values = as_bf16(dst);
    const auto row_bytes = tensor.cols * static_cast<std::int64_t>(sizeof(float));
    for_each_row(tensor.rows, row_bytes, [&](std::int64_t row, std::span<std::uint8_t> scratch) {
      const std::span exact(reinterpret_cast<float*>(scratch.data()), static_cast<std::size_t>(tensor.cols));
      synth_floats(plan_, tensor, row * tensor.cols, exact);
      std::transform(exact.begin(), exact.end(), row_of(values, tensor, row).begin(), float_to_bf16);
    });
  }

 private:
  static std::span<std::uint16_t> as_bf16(std::span<std::byte> bytes) {
    return {reinterpret_cast<std::uint16_t*>(bytes.data()), bytes.size() / sizeof(std::uint16_t)};
  }
  static std::span<std::uint16_t> row_of(std::span<std::uint16_t> values, const SynthTensor& tensor, std::int64_t row) {
    return values.subspan(static_cast<std::size_t>(row * tensor.cols), static_cast<std::size_t>(tensor.cols));
  }

  /// Calls work(row, scratch bytes of its own) for every row, in parallel.
  template <class Work>
  void for_each_row(std::int64_t rows, std::int64_t scratch_bytes, const Work& work) {
    std::vector<AlignedBuffer<std::uint8_t>> scratch;
    for (int i = 0; i < pool_.threads(); ++i) scratch.emplace_back(static_cast<std::size_t>(scratch_bytes));
    pool_.run((rows + kChunkRows - 1) / kChunkRows, [&](std::int64_t chunk, int thread) {
      const std::int64_t end = std::min(rows, (chunk + 1) * kChunkRows);
      for (std::int64_t row = chunk * kChunkRows; row < end; ++row)
        work(row, scratch[static_cast<std::size_t>(thread)].span());
    });
  }

  const SynthPlan& plan_;
  ThreadPool pool_;
};

void add_ternary(SafeTensorsWriter& writer, const SynthTensor& tensor, HfWeights weights, Filler& filler) {
  const std::string name = hf_tensor_name(tensor.name);
  if (weights == HfWeights::bf16) {
    writer.add_tensor(name, "BF16", {tensor.rows, tensor.cols},
                      [&tensor, &filler](std::span<std::byte> dst) { filler.master(tensor, dst); });
    return;
  }
  if (tensor.rows % 4 != 0)
    fail(ErrorKind::usage, "{} has {} rows, which cannot be packed by fours; write gguf or hf-bf16", tensor.name,
         tensor.rows);
  writer.add_tensor(name, "U8", {tensor.rows / 4, tensor.cols},
                    [&tensor, &filler](std::span<std::byte> dst) { filler.packed(tensor, dst); });
  writer.add_tensor(name + "_scale", "BF16", {1}, [&tensor](std::span<std::byte> dst) {
    const std::uint16_t bits = float_to_bf16(tensor.scale);
    std::memcpy(dst.data(), &bits, sizeof bits);
  });
}

}  // namespace

void write_synth_hf(const SynthOptions& options, HfWeights weights, const std::filesystem::path& folder) {
  const SynthPlan plan = plan_synth(options);
  Filler filler(plan);
  SafeTensorsWriter writer;
  writer.add_metadata("format", "pt");
  for (const SynthTensor& tensor : plan.tensors) {
    if (tensor.kind == SynthTensor::Kind::ternary) {
      add_ternary(writer, tensor, weights, filler);
      continue;
    }
    const bool norm = tensor.kind == SynthTensor::Kind::norm;
    writer.add_tensor(
        hf_tensor_name(tensor.name), "BF16",
        norm ? std::vector<std::int64_t>{tensor.cols} : std::vector<std::int64_t>{tensor.rows, tensor.cols},
        [&tensor, &filler](std::span<std::byte> dst) { filler.floats(tensor, dst); });
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(ErrorKind::setup, "cannot make the folder {}: {}", folder.string(), error.message());
  // The small files last: what is interrupted is no model without its weights.
  writer.write(folder / "model.safetensors");
  write_hf_vocabulary(plan.vocabulary, folder);
  write_json_file((folder / "config.json").string(),
                  to_hf_config(plan.config, plan.vocabulary, plan.config.architecture != "llama", weights));
}

}  // namespace bh::engine
