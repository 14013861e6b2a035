#include "engine/model/gguf_values.h"

#include <array>
#include <unordered_set>

namespace bh::engine {
namespace {

constexpr std::uint64_t kMaxKeyBytes = 65535;
constexpr std::uint64_t kMaxStringBytes = std::uint64_t{16} << 20;
constexpr std::uint64_t kMaxArray = std::uint64_t{16} << 20;
/// Of all arrays together: what is held in memory stays a few times what any real vocabulary needs.
constexpr std::uint64_t kMaxArrayTotal = std::uint64_t{32} << 20;

constexpr std::array<std::string_view, 13> kTypeNames = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                         "bool", "string", "array", "u64", "i64", "f64"};

/// Bytes of one element; of a string, its length field.
std::uint64_t least_bytes(GgufType type) {
  switch (type) {
    case GgufType::u8:
    case GgufType::i8:
    case GgufType::boolean:
      return 1;
    case GgufType::u16:
    case GgufType::i16:
      return 2;
    case GgufType::u32:
    case GgufType::i32:
    case GgufType::f32:
      return 4;
    default:
      return 8;
  }
}

class ValueReader {
 public:
  ValueReader(ByteReader& reader, const std::string& where, const std::string& key)
      : reader_(reader), where_(where), what_("the value of key \"" + key + "\"") {}

  GgufValue read(std::uint64_t& array_total) {
    GgufValue value;
    value.type = read_type();
    if (value.type == GgufType::array) {
      read_array(value, array_total);
    } else {
      read_scalar(value);
    }
    return value;
  }

 private:
  GgufType read_type() {
    const auto type = reader_.read<std::uint32_t>(what_);
    if (type >= kTypeNames.size())
      fail(ErrorKind::setup, "{}: {} has the unknown type {}; the file is damaged", where_, what_, type);
    return static_cast<GgufType>(type);
  }

  bool read_bool() {
    const auto byte = reader_.read<std::uint8_t>(what_);
    if (byte > 1) fail(ErrorKind::setup, "{}: {} is a bool of value {}, not 0 or 1", where_, what_, byte);
    return byte == 1;
  }

  void read_scalar(GgufValue& value) {
    switch (value.type) {
      case GgufType::u8:
        value.data = std::uint64_t{reader_.read<std::uint8_t>(what_)};
        break;
      case GgufType::u16:
        value.data = std::uint64_t{reader_.read<std::uint16_t>(what_)};
        break;
      case GgufType::u32:
        value.data = std::uint64_t{reader_.read<std::uint32_t>(what_)};
        break;
      case GgufType::u64:
        value.data = reader_.read<std::uint64_t>(what_);
        break;
      case GgufType::i8:
        value.data = std::int64_t{reader_.read<std::int8_t>(what_)};
        break;
      case GgufType::i16:
        value.data = std::int64_t{reader_.read<std::int16_t>(what_)};
        break;
      case GgufType::i32:
        value.data = std::int64_t{reader_.read<std::int32_t>(what_)};
        break;
      case GgufType::i64:
        value.data = reader_.read<std::int64_t>(what_);
        break;
      case GgufType::f32:
        value.data = static_cast<double>(reader_.read<float>(what_));
        break;
      case GgufType::f64:
        value.data = reader_.read<double>(what_);
        break;
      case GgufType::boolean:
        value.data = read_bool();
        break;
      case GgufType::string:
        value.data = std::string(reader_.read_string(what_, kMaxStringBytes));
        break;
      case GgufType::array:
        BH_ASSERT(false);
    }
  }

  /// Elements of T, held as Held. The count was checked against the bytes left before anything is reserved.
  template <class T, class Held>
  void read_numbers(GgufValue& value, std::size_t count) {
    const std::byte* src = reader_.take(count * sizeof(T), what_);
    std::vector<Held> elements(count);
    for (std::size_t i = 0; i < count; ++i) {
      T element;
      std::memcpy(&element, src + i * sizeof element, sizeof element);
      elements[i] = static_cast<Held>(element);
    }
    value.data = std::move(elements);
  }

  void read_strings(GgufValue& value, std::size_t count) {
    GgufValue::Strings strings;
    strings.reserve(count);
    for (std::size_t i = 0; i < count; ++i) strings.emplace_back(reader_.read_string(what_, kMaxStringBytes));
    value.data = std::move(strings);
  }

  void read_bools(GgufValue& value, std::size_t count) {
    std::vector<bool> bools(count);
    for (std::size_t i = 0; i < count; ++i) bools[i] = read_bool();
    value.data = std::move(bools);
  }

  void read_array(GgufValue& value, std::uint64_t& total) {
    value.element_type = read_type();
    if (value.element_type == GgufType::array)
      fail(ErrorKind::setup, "{}: {} is an array of arrays, which no GGUF writer makes", where_, what_);
    const auto count = reader_.read<std::uint64_t>(what_);
    if (count > kMaxArray || count > kMaxArrayTotal - total ||
        count > reader_.remaining() / least_bytes(value.element_type))
      fail(ErrorKind::setup,
           "{}: {} claims {} elements, more than the file or the limit of {} holds; the file is damaged", where_, what_,
           count, kMaxArray);
    total += count;
    const auto n = static_cast<std::size_t>(count);
    switch (value.element_type) {
      case GgufType::u8:
        return read_numbers<std::uint8_t, std::uint64_t>(value, n);
      case GgufType::u16:
        return read_numbers<std::uint16_t, std::uint64_t>(value, n);
      case GgufType::u32:
        return read_numbers<std::uint32_t, std::uint64_t>(value, n);
      case GgufType::u64:
        return read_numbers<std::uint64_t, std::uint64_t>(value, n);
      case GgufType::i8:
        return read_numbers<std::int8_t, std::int64_t>(value, n);
      case GgufType::i16:
        return read_numbers<std::int16_t, std::int64_t>(value, n);
      case GgufType::i32:
        return read_numbers<std::int32_t, std::int64_t>(value, n);
      case GgufType::i64:
        return read_numbers<std::int64_t, std::int64_t>(value, n);
      case GgufType::f32:
        return read_numbers<float, double>(value, n);
      case GgufType::f64:
        return read_numbers<double, double>(value, n);
      case GgufType::boolean:
        return read_bools(value, n);
      case GgufType::string:
        return read_strings(value, n);
      case GgufType::array:
        BH_ASSERT(false);
    }
  }

  ByteReader& reader_;
  const std::string& where_;
  std::string what_;
};

}  // namespace

GgufKeys read_gguf_keys(ByteReader& reader, std::uint64_t count, const std::string& where) {
  GgufKeys keys;
  keys.reserve(static_cast<std::size_t>(count));
  std::unordered_set<std::string_view> seen;  // views into the file's bytes
  std::uint64_t array_total = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view key = reader.read_string(fmt::format("key {}", i), kMaxKeyBytes);
    if (key.empty() || !is_printable(key))
      fail(ErrorKind::setup, "{}: key {} is \"{}\": keys are printable ASCII; the file is damaged", where, i,
           printable(key));
    if (!seen.insert(key).second)
      fail(ErrorKind::setup, "{}: the key \"{}\" stands there twice; the file is damaged", where, printable(key));
    keys.emplace_back(std::string(key), ValueReader(reader, where, printable(key)).read(array_total));
  }
  return keys;
}

std::string type_name(const GgufValue& value) {
  const auto name = [](GgufType type) { return std::string(kTypeNames.at(static_cast<std::size_t>(type))); };
  return value.type == GgufType::array ? "array of " + name(value.element_type) : name(value.type);
}

}  // namespace bh::engine
