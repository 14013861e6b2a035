// SafeTensors containers: the tensors of an accepted file cover its data, in order and without holes.
#include "engine/model/safetensors.h"

#include <cstring>
#include <optional>

#include "tests/fuzz/readers.h"

namespace bh::fuzz {

void run_safetensors(std::span<const std::byte> bytes) {
  std::optional<engine::SafeTensorsFile> file;
  if (!accepts([&] { file = engine::SafeTensorsFile::parse(bytes, "input"); })) return;
  std::uint64_t header = 0;
  expect(bytes.size() >= sizeof header, "a file has a header");
  std::memcpy(&header, bytes.data(), sizeof header);
  expect(header <= bytes.size() - sizeof header, "the header is in the file");
  const std::byte* next = bytes.data() + sizeof header + header;
  for (const engine::SafeTensor& tensor : file->tensors()) {
    expect(file->find(tensor.name) == &tensor, "a tensor is found by its name");
    expect(tensor.bytes.data() == next, "tensors stand one behind the other");
    next += tensor.bytes.size();
    std::uint64_t elements = 1;
    for (const std::int64_t extent : tensor.shape) {
      expect(extent >= 0, "an extent is not negative");
      elements *= static_cast<std::uint64_t>(extent);
    }
    // No element is wider than 8 bytes; the narrowest, F4, has half of one.
    expect(elements <= tensor.bytes.size() * 2 && tensor.bytes.size() <= elements * 8, "a tensor has its shape's size");
  }
  expect(next == bytes.data() + bytes.size(), "the tensors reach to the end");
}

}  // namespace bh::fuzz
