#include "engine/model/gguf.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "engine/base/mapped_file.h"
#include "engine/formats/formats.h"
#include "engine/model/gguf_values.h"

namespace bh::engine {
namespace {

constexpr std::uint32_t kDefaultAlignment = 32;
constexpr std::uint32_t kMaxAlignment = 1u << 20;
constexpr std::uint64_t kMaxKeys = 65536;
constexpr std::uint64_t kMaxTensors = 100000;
constexpr std::uint64_t kLeastKeyBytes = 8 + 4 + 1;
constexpr std::uint64_t kLeastTensorBytes = 8 + 4 + 8 + 4 + 8;
constexpr std::uint64_t kMaxTensorName = 63;
constexpr std::uint32_t kMaxDims = 4;

}  // namespace

struct GgufFile::State {
  std::shared_ptr<const MappedFile> mapping;
  std::string where;
  std::uint32_t version = 0;
  std::uint32_t alignment = kDefaultAlignment;
  std::uint64_t data_start = 0;
  std::uint64_t file_bytes = 0;
  GgufKeys keys;
  std::vector<GgufTensor> tensors;
  std::unordered_map<std::string_view, std::size_t> key_index;  // views into keys and tensors, which stay as they are
  std::unordered_map<std::string_view, std::size_t> tensor_index;

  void parse(std::span<const std::byte> bytes);

 private:
  void read_header(ByteReader& reader, std::uint64_t& n_tensors, std::uint64_t& n_keys);
  void read_alignment();
  void read_tensor_info(ByteReader& reader, std::uint64_t index);
  std::uint64_t tensor_bytes(const GgufTensor& tensor) const;
  std::string describe_type(std::uint32_t type_id) const;
  void place_tensors(std::span<const std::byte> data);
  void refuse_foreign_i2_s(const GgufTensor& tensor, std::uint64_t needed, std::uint64_t available) const;

  const GgufValue* find(std::string_view key) const noexcept {
    const auto found = key_index.find(key);
    return found == key_index.end() ? nullptr : &keys[found->second].second;
  }
};

void GgufFile::State::read_header(ByteReader& reader, std::uint64_t& n_tensors, std::uint64_t& n_keys) {
  const auto magic = reader.read<std::array<char, 4>>("the magic bytes");
  if (std::string_view(magic.data(), 4) != "GGUF")
    fail(ErrorKind::setup, "{} is not a GGUF file: it begins with \"{}\", not with \"GGUF\"", where,
         printable({magic.data(), 4}));
  version = reader.read<std::uint32_t>("the version");
  if (version != 0 && (version & 0xffffu) == 0)
    fail(ErrorKind::setup,
         "{} is a big-endian GGUF file, which is not supported: convert it to little-endian (the gguf "
         "package's gguf-convert-endian does)",
         where);
  if (version != 2 && version != 3)
    fail(ErrorKind::setup, "{} is GGUF version {}; only 2 and 3 are supported: convert the model anew", where, version);
  n_tensors = reader.read<std::uint64_t>("the tensor count");
  n_keys = reader.read<std::uint64_t>("the key count");
  if (n_tensors > kMaxTensors || n_tensors > reader.remaining() / kLeastTensorBytes)
    fail(ErrorKind::setup,
         "{} claims {} tensors, more than the file or the limit of {} holds; it is truncated or damaged", where,
         n_tensors, kMaxTensors);
  if (n_keys > kMaxKeys || n_keys > reader.remaining() / kLeastKeyBytes)
    fail(ErrorKind::setup, "{} claims {} keys, more than the file or the limit of {} holds; it is truncated or damaged",
         where, n_keys, kMaxKeys);
}

void GgufFile::State::read_alignment() {
  const GgufValue* value = find("general.alignment");
  if (value == nullptr) return;
  if (value->type != GgufType::u32)
    fail(ErrorKind::setup, "{}: general.alignment is of type {}, not u32", where, type_name(*value));
  const std::uint64_t wanted = std::get<std::uint64_t>(value->data);
  if (wanted > kMaxAlignment || !std::has_single_bit(wanted))
    fail(ErrorKind::setup, "{}: general.alignment is {}, not a power of two up to {}", where, wanted, kMaxAlignment);
  alignment = static_cast<std::uint32_t>(wanted);
}

std::string GgufFile::State::describe_type(std::uint32_t type_id) const {
  if (type_id != 39) return describe_type_id(type_id);
  // Two forks gave 39 to different formats; only the rest of the file tells which is meant.
  const GgufValue* arch = find("general.architecture");
  const auto* name = arch == nullptr ? nullptr : std::get_if<std::string>(&arch->data);
  const bool bitnet = name != nullptr && name->find("bitnet") != std::string::npos;
  return bitnet ? "TL2 (bitnet.cpp for x86)" : "MXFP4 (llama.cpp and ik_llama.cpp)";
}

void GgufFile::State::read_tensor_info(ByteReader& reader, std::uint64_t index) {
  const std::string what = fmt::format("the description of tensor {}", index);
  GgufTensor tensor;
  tensor.name = reader.read_string(what, kMaxTensorName);
  if (tensor.name.empty() || !is_printable(tensor.name))
    fail(ErrorKind::setup, "{}: tensor {} is named \"{}\": names are printable ASCII; the file is damaged", where,
         index, printable(tensor.name));
  const auto n_dims = reader.read<std::uint32_t>(what);
  if (n_dims < 1 || n_dims > kMaxDims)
    fail(ErrorKind::setup, "{}: tensor \"{}\" has {} dimensions; 1 to {} are possible", where, tensor.name, n_dims,
         kMaxDims);
  std::int64_t elements = 1;
  for (std::uint32_t d = 0; d < n_dims; ++d) {
    const auto extent = reader.read<std::uint64_t>(what);
    const bool fits = extent >= 1 && extent <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) &&
                      !__builtin_mul_overflow(elements, static_cast<std::int64_t>(extent), &elements);
    if (!fits)
      fail(ErrorKind::setup, "{}: tensor \"{}\" has the impossible extent {} in dimension {}", where, tensor.name,
           extent, d);
    tensor.ne.push_back(static_cast<std::int64_t>(extent));
  }
  tensor.type_id = reader.read<std::uint32_t>(what);
  tensor.offset = reader.read<std::uint64_t>(what);
  if (find_weight_format(tensor.type_id) == nullptr)
    fail(ErrorKind::setup,
         "{}: tensor \"{}\" has type {}, {}: not supported; convert the model to one of F32, F16, BF16, "
         "I2_S, Q8_0, Q6_K",
         where, tensor.name, tensor.type_id, describe_type(tensor.type_id));
  tensors.push_back(std::move(tensor));
}

std::uint64_t GgufFile::State::tensor_bytes(const GgufTensor& tensor) const {
  const WeightFormat& format = *find_weight_format(tensor.type_id);
  const auto bytes = format.byte_size(tensor.rows(), tensor.cols());
  if (!bytes)
    fail(ErrorKind::setup, "{}: tensor \"{}\" of {} x {} values does not fit its format {} (whole blocks of {})", where,
         tensor.name, tensor.rows(), tensor.cols(), format.name,
         format.type == TensorType::i2_s ? i2_s::kBlock : format.block_cols);
  return *bytes;
}

/// I2_S of bitnet-rs carries the same type id with other codes and scales; only the room it takes tells them apart.
void GgufFile::State::refuse_foreign_i2_s(const GgufTensor& tensor, std::uint64_t needed,
                                          std::uint64_t available) const {
  const std::uint64_t n = (needed - i2_s::kTail) * 4;
  const auto padded = [&](std::uint64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; };
  const auto takes = [&](std::uint64_t bytes) { return available == bytes || available == padded(bytes); };
  if (takes(needed)) return;
  std::string_view flavour;
  if (takes(n / 4)) flavour = "codes without a scale behind them (QK256 or Split32)";
  if (takes(n / 32 * 10)) flavour = "blocks of 32 codes with an f16 scale each (BitNet32-F16)";
  if (!flavour.empty())
    fail(ErrorKind::setup,
         "{}: tensor \"{}\" is called I2_S but holds {}, as bitnet-rs writes it: {} bytes where I2_S has "
         "{}; convert the model anew with bitnet.cpp's tools",
         where, tensor.name, flavour, available, needed);
}

void GgufFile::State::place_tensors(std::span<const std::byte> data) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return tensors[a].offset != tensors[b].offset ? tensors[a].offset < tensors[b].offset : a < b;
  });
  for (std::size_t i = 0; i < order.size(); ++i) {
    GgufTensor& tensor = tensors[order[i]];
    const std::uint64_t needed = tensor_bytes(tensor);
    if (tensor.offset % alignment != 0)
      fail(ErrorKind::setup, "{}: tensor \"{}\" at offset {} is not aligned to {}", where, tensor.name, tensor.offset,
           alignment);
    if (tensor.offset > data.size())
      fail(ErrorKind::setup,
           "{}: tensor \"{}\" begins at byte {} of the data, which ends at {}; the file is truncated or "
           "damaged",
           where, tensor.name, tensor.offset, data.size());
    const bool last = i + 1 == order.size();
    const std::uint64_t end = last ? data.size() : std::min<std::uint64_t>(data.size(), tensors[order[i + 1]].offset);
    const std::uint64_t available = end - tensor.offset;
    if (tensor.type_id == static_cast<std::uint32_t>(TensorType::i2_s)) refuse_foreign_i2_s(tensor, needed, available);
    if (needed > data.size() - tensor.offset)
      fail(ErrorKind::setup,
           "{}: tensor \"{}\" needs {} bytes, {} are left; the file is truncated or damaged: download it "
           "again",
           where, tensor.name, needed, data.size() - tensor.offset);
    if (needed > available)
      fail(ErrorKind::setup, "{}: tensor \"{}\" of {} bytes overlaps \"{}\"; the file is damaged", where, tensor.name,
           needed, tensors[order[i + 1]].name);
    tensor.bytes = data.subspan(static_cast<std::size_t>(tensor.offset), static_cast<std::size_t>(needed));
  }
}

void GgufFile::State::parse(std::span<const std::byte> bytes) {
  file_bytes = bytes.size();
  ByteReader reader(bytes, where);
  std::uint64_t n_tensors = 0;
  std::uint64_t n_keys = 0;
  read_header(reader, n_tensors, n_keys);
  keys = read_gguf_keys(reader, n_keys, where);
  for (std::size_t i = 0; i < keys.size(); ++i) key_index.emplace(keys[i].first, i);
  read_alignment();
  tensors.reserve(static_cast<std::size_t>(n_tensors));
  for (std::uint64_t i = 0; i < n_tensors; ++i) read_tensor_info(reader, i);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensor_index.emplace(tensors[i].name, i).second)
      fail(ErrorKind::setup, "{}: the tensor \"{}\" stands there twice; the file is damaged", where, tensors[i].name);
  }
  const std::uint64_t padding = (alignment - reader.position() % alignment) % alignment;
  data_start = reader.position() + padding;
  if (!tensors.empty()) reader.take(padding, "the padding before the data");
  place_tensors(tensors.empty() ? std::span<const std::byte>{} : bytes.subspan(reader.position()));
}

std::int64_t GgufTensor::rows() const noexcept {
  std::int64_t product = 1;  // cannot overflow: checked on reading
  for (std::size_t d = 1; d < ne.size(); ++d) product *= ne[d];
  return product;
}

GgufFile GgufFile::open(const std::filesystem::path& path) {
  auto state = std::make_shared<State>();
  state->mapping = std::make_shared<const MappedFile>(MappedFile::open(path));
  state->where = path.string();
  state->parse(state->mapping->bytes());
  GgufFile file;
  file.state_ = std::move(state);
  return file;
}

GgufFile GgufFile::parse(std::span<const std::byte> bytes, std::string where) {
  auto state = std::make_shared<State>();
  state->where = std::move(where);
  state->parse(bytes);
  GgufFile file;
  file.state_ = std::move(state);
  return file;
}

std::uint32_t GgufFile::version() const noexcept { return state_->version; }
std::uint32_t GgufFile::alignment() const noexcept { return state_->alignment; }
std::uint64_t GgufFile::data_start() const noexcept { return state_->data_start; }
std::uint64_t GgufFile::file_bytes() const noexcept { return state_->file_bytes; }
const std::string& GgufFile::where() const noexcept { return state_->where; }
const std::vector<std::pair<std::string, GgufValue>>& GgufFile::keys() const noexcept { return state_->keys; }
const std::vector<GgufTensor>& GgufFile::tensors() const noexcept { return state_->tensors; }
std::shared_ptr<const MappedFile> GgufFile::mapping() const noexcept { return state_->mapping; }

const GgufValue* GgufFile::find(std::string_view key) const noexcept {
  const auto found = state_->key_index.find(key);
  return found == state_->key_index.end() ? nullptr : &state_->keys[found->second].second;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const noexcept {
  const auto found = state_->tensor_index.find(name);
  return found == state_->tensor_index.end() ? nullptr : &state_->tensors[found->second];
}

}  // namespace bh::engine
