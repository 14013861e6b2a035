#include "suites/acceptance/planted_defects.h"

#include <algorithm>
#include <span>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/base/error.h"

namespace bh::suites::acceptance {
namespace {

/// Keeps the original's bytes and the new ones alive.
struct CopyStorage {
  std::shared_ptr<const engine::Model> original;
  std::vector<AlignedBuffer<std::byte>> buffers;
};

/// The same matrix with every value zero, in its own format.
void zero(engine::Matrix& matrix, CopyStorage& storage) {
  if (!matrix.present()) return;
  AlignedBuffer<std::byte> bytes(matrix.bytes.size());
  if (matrix.format->type == engine::TensorType::i2_s) {
    const std::vector<std::uint8_t> codes(static_cast<std::size_t>(matrix.rows * matrix.cols), 1);
    engine::i2_s::pack(codes, engine::i2_s::scale(matrix.bytes, matrix.rows, matrix.cols), bytes.span());
  } else {
    const std::vector<float> values(static_cast<std::size_t>(matrix.rows * matrix.cols));
    matrix.format->encode(values, matrix.rows, matrix.cols, bytes.span());
  }
  storage.buffers.push_back(std::move(bytes));
  matrix.bytes = storage.buffers.back().span();
}

/// Float32 of the matrix's values, each moved by up to a third of the largest.
void make_raw(engine::Matrix& matrix, CopyStorage& storage) {
  if (!matrix.present()) return;
  std::vector<float> values(static_cast<std::size_t>(matrix.rows * matrix.cols));
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    const auto row =
        std::span(values).subspan(static_cast<std::size_t>(r * matrix.cols), static_cast<std::size_t>(matrix.cols));
    matrix.format->decode_row(matrix.bytes, matrix.rows, matrix.cols, r, row);
  }
  const float third = *std::max_element(values.begin(), values.end()) / 3;
  std::uint32_t state = 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value += third * (static_cast<float>(state >> 8) * 0x1p-23f - 1.0f);
  }
  const engine::WeightFormat& f32 = engine::weight_format(engine::TensorType::f32);
  AlignedBuffer<std::byte> bytes(values.size() * sizeof(float));
  f32.encode(values, matrix.rows, matrix.cols, bytes.span());
  storage.buffers.push_back(std::move(bytes));
  matrix.bytes = storage.buffers.back().span();
  matrix.format = &f32;
}

std::shared_ptr<const engine::Model> with_changed_layer(const std::shared_ptr<const engine::Model>& model, int layer,
                                                        void (*change)(engine::Matrix&, CopyStorage&)) {
  BH_ASSERT(layer >= 0 && layer < static_cast<int>(model->layers.size()));
  auto copy = std::make_shared<engine::Model>(*model);
  auto storage = std::make_shared<CopyStorage>();
  storage->original = model;
  engine::Layer& changed = copy->layers[static_cast<std::size_t>(layer)];
  for (engine::Matrix* matrix :
       {&changed.q, &changed.k, &changed.v, &changed.o, &changed.gate, &changed.up, &changed.down}) {
    change(*matrix, *storage);
  }
  copy->storage = std::move(storage);
  return copy;
}

}  // namespace

std::shared_ptr<const engine::Model> with_zeroed_layer(const std::shared_ptr<const engine::Model>& model, int layer) {
  return with_changed_layer(model, layer, zero);
}

std::shared_ptr<const engine::Model> with_raw_layer(const std::shared_ptr<const engine::Model>& model, int layer) {
  return with_changed_layer(model, layer, make_raw);
}

}  // namespace bh::suites::acceptance
