// GGUF v2 and v3 containers: header, typed keys, tensor list. Every read is bounds-checked with overflow-safe
// arithmetic. Format: ggml's docs/gguf.md. Neighbours: gguf_writer.h writes them, load_gguf.cpp makes a Model of one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace bh {
class MappedFile;
}

namespace bh::engine {

enum class GgufType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12
};

/// One key's value. Integers of every width are held as i64 or u64, floats as double; arrays of strings, integers,
/// floats or bools. `type` (and `element_type` of an array) keep what the file said.
struct GgufValue {
  using Strings = std::vector<std::string>;
  GgufType type = GgufType::u32;
  GgufType element_type = GgufType::u32;
  std::variant<std::uint64_t, std::int64_t, double, bool, std::string, Strings, std::vector<std::int64_t>,
               std::vector<std::uint64_t>, std::vector<double>, std::vector<bool>>
      data;
};

struct GgufTensor {
  std::string name;
  std::uint32_t type_id = 0;
  std::vector<std::int64_t> ne;  ///< innermost first: a torch weight [out, in] has ne {in, out}
  std::uint64_t offset = 0;      ///< from data_start()
  std::span<const std::byte> bytes;

  std::int64_t cols() const noexcept { return ne.empty() ? 1 : ne[0]; }
  std::int64_t rows() const noexcept;  ///< product of the other dimensions
};

class GgufFile {
 public:
  /// Maps and validates. Throws Error(setup) naming file, what is wrong and where.
  static GgufFile open(const std::filesystem::path& path);
  /// The same over bytes in memory, which must outlive the object; `where` names them in messages.
  static GgufFile parse(std::span<const std::byte> bytes, std::string where);

  std::uint32_t version() const noexcept;
  std::uint32_t alignment() const noexcept;
  std::uint64_t data_start() const noexcept;
  std::uint64_t file_bytes() const noexcept;
  const std::string& where() const noexcept;

  const std::vector<std::pair<std::string, GgufValue>>& keys() const noexcept;  ///< in file order
  const std::vector<GgufTensor>& tensors() const noexcept;                      ///< in file order
  const GgufValue* find(std::string_view key) const noexcept;
  const GgufTensor* find_tensor(std::string_view name) const noexcept;

  // Typed access. A missing key is nullopt (nullptr); a key of another type is Error(setup), never reinterpreted.
  std::optional<std::string> get_string(std::string_view key) const;
  std::optional<std::int64_t> get_int(std::string_view key) const;  ///< any integer type, range-checked
  std::optional<double> get_float(std::string_view key) const;
  std::optional<bool> get_bool(std::string_view key) const;
  const GgufValue::Strings* get_strings(std::string_view key) const;
  std::optional<std::vector<float>> get_floats(std::string_view key) const;
  std::optional<std::vector<std::int64_t>> get_ints(std::string_view key) const;

  /// What views into tensors() need alive; nullptr where the bytes are the caller's.
  std::shared_ptr<const MappedFile> mapping() const noexcept;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace bh::engine
