#include "engine/model/hf_model_writer.h"

#include <algorithm>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/float_types.h"
#include "engine/model/hf_names.h"
#include "engine/model/safetensors.h"
#include "engine/model/ternary_values.h"
#include "engine/model/vocabulary_hf_writer.h"

namespace bh::engine {
namespace {

using Shape = std::vector<std::int64_t>;

/// The first of the types, shortest first, that holds every value.
template <class ForEachRow>
const WeightFormat& exact_format(const ForEachRow& for_each_row) {
  bool bf16 = true, f16 = true;
  for_each_row([&](std::span<const float> row) {
    for (const float value : row) {
      bf16 = bf16 && round_to(TensorType::bf16, value) == value;
      f16 = f16 && round_to(TensorType::f16, value) == value;
    }
  });
  return weight_format(bf16 ? TensorType::bf16 : f16 ? TensorType::f16 : TensorType::f32);
}

class Writer {
 public:
  Writer(const Model& model, const HfLayout& layout) : model_(model), layout_(layout) {}

  void write(const std::filesystem::path& folder) {
    writer_.add_metadata("format", "pt");
    add_floats(model_.token_embd);
    for (std::size_t i = 0; i < model_.layers.size(); ++i) add_layer(model_.layers[i], fmt::format("blk.{}.", i));
    add_norm("output_norm.weight", model_.output_norm);
    if (!model_.tied_output) add_floats(model_.output);
    const Vocabulary& vocabulary = model_.tokenizer.vocabulary();
    write_hf_vocabulary(vocabulary, folder);
    write_json_file((folder / "config.json").string(),
                    to_hf_config(model_.config, vocabulary, model_.tied_output, layout_.weights, layout_.linear_class));
    writer_.write(folder / "model.safetensors");
  }

 private:
  void add_layer(const Layer& layer, const std::string& blk) {
    add_norm(blk + "attn_norm.weight", layer.attn_norm);
    add_norm(blk + "attn_sub_norm.weight", layer.attn_sub_norm);
    add_norm(blk + "ffn_norm.weight", layer.ffn_norm);
    add_norm(blk + "ffn_sub_norm.weight", layer.ffn_sub_norm);
    for (const Matrix* matrix : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      layout_.weights == HfWeights::packed ? add_packed(*matrix) : add_master(*matrix);
    }
  }

  void add_norm(const std::string& name, const std::vector<float>& values) {
    if (values.empty()) return;
    const auto n = static_cast<std::int64_t>(values.size());
    const WeightFormat& format = exact_format([&](const auto& look) { look(values); });
    writer_.add_tensor(hf_tensor_name(name), std::string(format.name), Shape{n},
                       [&values, &format, n](std::span<std::byte> dst) { format.encode(values, 1, n, dst); });
  }

  template <class Look>
  void each_row(const Matrix& matrix, const Look& look) const {
    std::vector<float> row(static_cast<std::size_t>(matrix.cols));
    for (std::int64_t r = 0; r < matrix.rows; ++r) {
      float_values(model_.config, matrix, r, row);
      look(row);
    }
  }

  void add_floats(const Matrix& matrix) {
    const WeightFormat& format = exact_format([&](const auto& look) { each_row(matrix, look); });
    writer_.add_tensor(hf_tensor_name(matrix.name), std::string(format.name), {matrix.rows, matrix.cols},
                       [this, &matrix, &format](std::span<std::byte> dst) {
                         const std::size_t row_bytes = dst.size() / static_cast<std::size_t>(matrix.rows);
                         each_row(matrix, [&](std::span<const float> row) {
                           format.encode(row, 1, matrix.cols, dst.first(row_bytes));
                           dst = dst.subspan(row_bytes);
                         });
                       });
  }

  TernaryValues need_ternary(const Matrix& matrix) const {
    auto values = ternary_values(model_.config, matrix);
    if (!values)
      fail(ErrorKind::usage, "{} holds floats that are not ternary, which cannot be packed: write --layout master",
           matrix.name);
    return std::move(*values);
  }

  void add_packed(const Matrix& matrix) {
    if (matrix.rows % 4 != 0)
      fail(ErrorKind::usage, "{} has {} rows, which cannot be packed by fours: write --layout master", matrix.name,
           matrix.rows);
    const std::string name = hf_tensor_name(matrix.name);
    writer_.add_tensor(name, "U8", {matrix.rows / 4, matrix.cols}, [this, &matrix](std::span<std::byte> dst) {
      const TernaryValues values = need_ternary(matrix);
      for (std::size_t part = 0; part < 4; ++part)
        for (std::size_t i = 0; i < dst.size(); ++i)
          dst[i] |= static_cast<std::byte>(values.codes[part * dst.size() + i] << (2 * part));
    });
    writer_.add_tensor(name + "_scale", "BF16", {1}, [this, &matrix](std::span<std::byte> dst) {
      const bool ternary = matrix.format->ternary;
      const float scale = ternary ? i2_s::scale(matrix.bytes, matrix.rows, matrix.cols) * matrix.post_scale
                                  : need_ternary(matrix).scale;
      const std::uint16_t bits = float_to_bf16(layout_.linear_class == LinearClass::autobitlinear ? scale : 1 / scale);
      std::memcpy(dst.data(), &bits, sizeof bits);
    });
  }

  void add_master(const Matrix& matrix) {
    const auto is_ternary = matrix.format->ternary || ternary_values(model_.config, matrix).has_value();
    if (!is_ternary) return add_floats(matrix);
    writer_.add_tensor(hf_tensor_name(matrix.name), "BF16", {matrix.rows, matrix.cols},
                       [this, &matrix](std::span<std::byte> dst) {
                         const TernaryValues values = need_ternary(matrix);
                         std::vector<std::uint16_t> bits(values.codes.size());
                         fill_master(values, bits, matrix.name);
                         std::memcpy(dst.data(), bits.data(), dst.size());
                       });
  }

  const Model& model_;
  HfLayout layout_;
  SafeTensorsWriter writer_;
};

}  // namespace

void write_hf(const Model& model, const HfLayout& layout, const std::filesystem::path& folder) {
  Writer(model, layout).write(folder);
}

}  // namespace bh::engine
