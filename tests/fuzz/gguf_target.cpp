// GGUF containers: what GgufFile promises about a file that it accepts.
#include <algorithm>
#include <functional>
#include <vector>

#include "engine/formats/formats.h"
#include "engine/model/gguf.h"
#include "tests/fuzz/readers.h"

namespace bh::fuzz {
namespace {

using engine::GgufFile;
using engine::GgufTensor;

constexpr std::int64_t kMostDecoded = 1 << 16;  ///< values of one row: more take long and show nothing new

void check_place(const GgufFile& file, const GgufTensor& tensor, std::span<const std::byte> data) {
  const engine::WeightFormat* format = engine::find_weight_format(tensor.type_id);
  expect(format != nullptr, "a tensor's type is known");
  expect(format->byte_size(tensor.rows(), tensor.cols()) == tensor.bytes.size(), "a tensor has its format's size");
  expect(tensor.offset % file.alignment() == 0, "a tensor is aligned");
  expect(tensor.offset <= data.size() && tensor.bytes.size() <= data.size() - tensor.offset, "a tensor is in the data");
  expect(tensor.bytes.data() == data.data() + tensor.offset, "a tensor lies at its offset");
}

void check_no_overlap(const GgufFile& file) {
  std::vector<std::span<const std::byte>> spans;
  for (const GgufTensor& tensor : file.tensors()) spans.push_back(tensor.bytes);
  std::sort(spans.begin(), spans.end(), [](auto a, auto b) { return std::less<>()(a.data(), b.data()); });
  for (std::size_t i = 1; i < spans.size(); ++i)
    expect(spans[i - 1].data() + spans[i - 1].size() <= spans[i].data(), "tensors do not overlap");
}

void read_values(const GgufTensor& tensor) {
  const engine::WeightFormat& format = *engine::find_weight_format(tensor.type_id);
  expect(format.check(tensor.bytes, tensor.rows(), tensor.cols()).size() < 1000, "a reason is short");
  if (tensor.cols() > kMostDecoded) return;
  std::vector<float> row(static_cast<std::size_t>(tensor.cols()));
  for (const std::int64_t index : {std::int64_t{0}, tensor.rows() - 1})
    format.decode_row(tensor.bytes, tensor.rows(), tensor.cols(), index, row);
}

/// Exactly one getter fits a key; the others refuse it.
void check_key(const GgufFile& file, const std::string& key) {
  int fits = 0;
  const auto attempt = [&](auto&& get) {
    fits += accepts([&] { expect(static_cast<bool>(get()), "a key is found"); });
  };
  attempt([&] { return file.get_string(key); });
  attempt([&] { return file.get_int(key); });
  attempt([&] { return file.get_float(key); });
  attempt([&] { return file.get_bool(key); });
  attempt([&] { return file.get_strings(key); });
  attempt([&] { return file.get_floats(key); });
  attempt([&] { return file.get_ints(key); });
  expect(fits <= 1, "a key has one type");
}

}  // namespace

void run_gguf(std::span<const std::byte> bytes) {
  GgufFile file;
  if (!accepts([&] { file = GgufFile::parse(bytes, "input"); })) return;
  expect(file.version() == 2 || file.version() == 3, "the version is 2 or 3");
  expect(file.find("\x01") == nullptr && file.find_tensor("") == nullptr, "what is not there is not found");
  for (const auto& [key, value] : file.keys()) {
    expect(file.find(key) == &value, "a key is found by its name");
    check_key(file, key);
  }
  engine::Tokenizer tokenizer;
  if (accepts([&] { tokenizer = engine::Tokenizer::from_gguf(file); })) exercise(tokenizer);
  if (file.tensors().empty()) return;
  expect(file.data_start() % file.alignment() == 0 && file.data_start() <= bytes.size(), "the data is in the file");
  const auto data = bytes.subspan(static_cast<std::size_t>(file.data_start()));
  for (const GgufTensor& tensor : file.tensors()) {
    expect(file.find_tensor(tensor.name) == &tensor, "a tensor is found by its name");
    check_place(file, tensor, data);
    read_values(tensor);
  }
  check_no_overlap(file);
}

}  // namespace bh::fuzz
