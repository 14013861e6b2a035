#include "engine/model/float_copy.h"

#include <limits>
#include <new>

#include "engine/base/aligned_buffer.h"
#include "engine/base/error.h"
#include "engine/base/host.h"
#include "engine/base/thread_pool.h"

namespace bh::engine {
namespace {

struct Storage {
  std::shared_ptr<const Model> original;
  std::vector<AlignedBuffer<float>> buffers;
};

std::uint64_t decoded_bytes(const Model& model) {
  std::uint64_t bytes = 0;
  for (const Matrix* matrix : model.matrices())
    if (matrix->format->ternary) bytes += static_cast<std::uint64_t>(matrix->rows * matrix->cols) * sizeof(float);
  return bytes;
}

void decode(Matrix& matrix, Storage& storage, ThreadPool& pool) {
  if (!matrix.format->ternary) return;
  AlignedBuffer<float> values(static_cast<std::size_t>(matrix.rows * matrix.cols));
  pool.run(matrix.rows, [&](std::int64_t row, int) {
    matrix.format->decode_row(
        matrix.bytes, matrix.rows, matrix.cols, row,
        values.span().subspan(static_cast<std::size_t>(row * matrix.cols), static_cast<std::size_t>(matrix.cols)));
  });
  storage.buffers.push_back(std::move(values));
  matrix.bytes = std::as_bytes(storage.buffers.back().span());
  matrix.format = &weight_format(TensorType::f32);
}

}  // namespace

std::shared_ptr<const Model> with_float_weights(std::shared_ptr<const Model> model, std::uint64_t memory_limit) {
  const std::uint64_t needed = decoded_bytes(*model);
  std::uint64_t limit = memory_limit != 0 ? memory_limit : available_memory_bytes();
  if (limit == 0) limit = std::numeric_limits<std::uint64_t>::max();  // unknown: the allocation decides
  const auto refuse = [&] {
    fail(ErrorKind::setup,
         "the weights of {} as floats need {} MiB of memory, {} MiB are free; free some, or use a smaller model",
         model->source.path.string(), needed >> 20, limit >> 20);
  };
  if (needed > limit) refuse();
  auto copy = std::make_shared<Model>(*model);
  auto storage = std::make_shared<Storage>();
  ThreadPool pool;
  try {
    for (Layer& layer : copy->layers)
      for (Matrix* matrix : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down})
        decode(*matrix, *storage, pool);
  } catch (const std::bad_alloc&) {
    refuse();
  }
  storage->original = std::move(model);
  copy->storage = storage;
  return copy;
}

}  // namespace bh::engine
