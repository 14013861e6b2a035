// One made model as a GGUF file and as a Hugging Face folder, and ways to damage either in one place.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "engine/base/float_types.h"
#include "engine/model/gguf.h"
#include "engine/model/safetensors.h"
#include "engine/model/synth.h"
#include "tests/support/temp_folder.h"

namespace bh::test {

using ChangeBytes = std::function<void(std::span<std::byte>)>;

/// Rewrites the bytes `part` of a file; `part` lies in the mapped `whole` of it.
inline void rewrite(const std::filesystem::path& path, std::span<const std::byte> whole,
                    std::span<const std::byte> part, const ChangeBytes& change) {
  std::vector<std::byte> bytes(part.begin(), part.end());
  change(bytes);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(part.data() - whole.data());
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

inline std::vector<std::byte> read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

/// Files "model.gguf" and "folder" below a folder of their own.
class TwinModels {
 public:
  explicit TwinModels(engine::HfWeights weights = engine::HfWeights::packed, std::uint64_t seed = 5) {
    engine::SynthOptions options;
    options.seed = seed;
    options.n_layer = 2;
    engine::write_synth_gguf(options, gguf());
    engine::write_synth_hf(options, weights, folder());
  }

  const TempFolder& home() const noexcept { return home_; }
  std::filesystem::path gguf() const { return home_ / "model.gguf"; }
  std::filesystem::path folder() const { return home_ / "folder"; }

  void change_gguf(const std::string& tensor, const ChangeBytes& change) const {
    const auto bytes = read_bytes(gguf());
    const auto file = engine::GgufFile::parse(bytes, "model.gguf");
    rewrite(gguf(), bytes, file.find_tensor(tensor)->bytes, change);
  }
  void change_folder(const std::string& tensor, const ChangeBytes& change) const {
    const auto path = folder() / "model.safetensors";
    const auto bytes = read_bytes(path);
    const auto file = engine::SafeTensorsFile::parse(bytes, "model.safetensors");
    rewrite(path, bytes, file.find(tensor)->bytes, change);
  }

  void refine_gguf_scales() const { refine_scales(gguf()); }

  /// Every scale of a GGUF file becomes a float32 that bf16 cannot hold, and that rounds to the one it was.
  static void refine_scales(const std::filesystem::path& path) {
    const auto bytes = read_bytes(path);
    const auto file = engine::GgufFile::parse(bytes, path.string());
    for (const engine::GgufTensor& tensor : file.tensors()) {
      if (tensor.type_id != static_cast<std::uint32_t>(engine::TensorType::i2_s)) continue;
      rewrite(path, bytes, tensor.bytes, [](std::span<std::byte> data) { change_scale(data, 37); });
    }
  }

  /// Moves the scale of an I2_S tensor by so many units in the last place of a float32.
  static void change_scale(std::span<std::byte> data, std::uint32_t ulps) {
    std::byte* place = data.data() + data.size() - engine::i2_s::kTail;
    std::uint32_t bits = 0;
    std::memcpy(&bits, place, sizeof bits);
    bits += ulps;
    std::memcpy(place, &bits, sizeof bits);
  }

  /// Gives element `element` of an I2_S tensor another legal code.
  static void flip_code(std::span<std::byte> data, std::int64_t element) {
    const unsigned old = static_cast<unsigned>(engine::i2_s::code_at(data.data(), element));
    const auto in_block = element % engine::i2_s::kBlock;
    const auto shift = static_cast<unsigned>(6 - 2 * (in_block / 32));
    auto& byte = data[static_cast<std::size_t>(32 * (element / engine::i2_s::kBlock) + in_block % 32)];
    byte = (byte & ~(std::byte{3} << shift)) | (static_cast<std::byte>((old + 1) % 3) << shift);
  }

 private:
  TempFolder home_;
};

}  // namespace bh::test
