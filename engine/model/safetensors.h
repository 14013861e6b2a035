// SafeTensors containers, single and sharded: header rules as the reference crate (huggingface/safetensors) checks
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bh {
class MappedFile;
}

namespace bh::engine {

struct SafeTensor {
  std::string name;
  std::string dtype;  ///< "BF16", "U8", ...
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

class SafeTensorsFile {
 public:
  /// Throws Error(setup): header longer than the file, holes, overlaps, duplicate names, sizes that do not fit, ...
  static SafeTensorsFile open(const std::filesystem::path& path);
  /// `bytes` must outlive the object.
  static SafeTensorsFile parse(std::span<const std::byte> bytes, std::string where);

  const std::vector<SafeTensor>& tensors() const noexcept;  ///< in order of offset
  const SafeTensor* find(std::string_view name) const noexcept;
  const std::vector<std::pair<std::string, std::string>>& metadata() const noexcept;
  const std::string& where() const noexcept;
  /// What views into tensors() need alive; nullptr where the bytes are the caller's.
  std::shared_ptr<const MappedFile> mapping() const noexcept;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// Writes one file; tensors sorted by descending alignment, then name, as the reference writer does.
class SafeTensorsWriter {
 public:
  void add_metadata(std::string key, std::string value);
  /// `fill` gets exactly the tensor's bytes, zeroed, once, at write time.
  void add_tensor(std::string name, std::string dtype, std::vector<std::int64_t> shape,
                  std::function<void(std::span<std::byte>)> fill);
  /// Atomic, as GgufWriter::write.
  void write(const std::filesystem::path& path) const;

 private:
  struct PendingTensor {
    std::string name, dtype;
    std::vector<std::int64_t> shape;
    std::uint64_t bytes;
    std::function<void(std::span<std::byte>)> fill;
  };
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::vector<PendingTensor> tensors_;
};

}  // namespace bh::engine
