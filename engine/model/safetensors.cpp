#include "engine/model/safetensors.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>

#include "engine/base/aligned_buffer.h"
#include "engine/base/atomic_file.h"
#include "engine/base/json.h"
#include "engine/base/mapped_file.h"
#include "engine/model/byte_reader.h"

namespace bh::engine {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;  // as the reference crate
constexpr std::size_t kMaxDims = 32;

struct Dtype {
  std::string_view name;
  std::uint64_t bits;
};

constexpr Dtype kDtypes[] = {{"BOOL", 8},    {"U8", 8},   {"I8", 8},   {"F8_E5M2", 8}, {"F8_E4M3", 8},
                             {"F8_E8M0", 8}, {"I16", 16}, {"U16", 16}, {"F16", 16},    {"BF16", 16},
                             {"I32", 32},    {"U32", 32}, {"F32", 32}, {"I64", 64},    {"U64", 64},
                             {"F64", 64},    {"C64", 64}, {"F4", 4},   {"F6_E2M3", 6}, {"F6_E3M2", 6}};

const Dtype* find_dtype(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const Dtype& d) { return d.name == name; });
  return found == std::end(kDtypes) ? nullptr : found;
}

/// nullopt where the size overflows or is no whole number of bytes.
std::optional<std::uint64_t> byte_size(const Dtype& dtype, const std::vector<std::int64_t>& shape) {
  std::uint64_t bits = dtype.bits;
  for (const std::int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(bits, static_cast<std::uint64_t>(extent), &bits)) return std::nullopt;
  return bits % 8 == 0 ? std::optional(bits / 8) : std::nullopt;
}

struct Entry {
  SafeTensor tensor;
  std::vector<std::int64_t> offsets;
};

/// Reads the header event by event: nothing is kept but what a sound header holds.
class HeaderVisitor : public JsonVisitor {
 public:
  explicit HeaderVisitor(const std::string& where) : where_(where) {}

  std::vector<Entry> entries;
  std::vector<std::pair<std::string, std::string>> metadata;

  void begin_object() override {
    ++depth_;
    if (depth_ > 2 || in_array_) unexpected("an object");
    if (depth_ == 2 && !in_metadata_) entries.push_back({{name_, "", {}, {}}, {}});
  }
  void end_object() override {
    if (depth_-- == 2) end_entry();
    in_metadata_ = false;
  }
  void begin_array() override {
    if (depth_ != 2 || in_metadata_ || in_array_ || (field_ != "shape" && field_ != "data_offsets"))
      unexpected("an array");
    in_array_ = true;
  }
  void end_array() override { in_array_ = false; }
  void key(std::string_view text) override {
    if (depth_ == 1) {
      name_ = text;
      in_metadata_ = text == "__metadata__";
      has_dtype_ = has_shape_ = has_offsets_ = false;
    } else {
      field_ = text;
      if (in_metadata_) return;
      if (text != "dtype" && text != "shape" && text != "data_offsets") unexpected("this field");
      (text == "dtype" ? has_dtype_ : text == "shape" ? has_shape_ : has_offsets_) = true;
    }
  }
  void string_value(std::string_view text) override {
    if (depth_ == 2 && in_metadata_) {
      metadata.emplace_back(field_, text);
    } else if (depth_ == 2 && field_ == "dtype" && !in_array_) {
      entries.back().tensor.dtype = text;
    } else {
      unexpected("a string");
    }
  }
  void int_value(std::int64_t value) override {
    if (!in_array_ || value < 0) unexpected("this number");
    auto& list = field_ == "shape" ? entries.back().tensor.shape : entries.back().offsets;
    if (list.size() == kMaxDims) unexpected("so long a list");
    list.push_back(value);
  }
  void uint_value(std::uint64_t) override { unexpected("so large a number"); }
  void double_value(double) override { unexpected("a fraction"); }
  void bool_value(bool) override { unexpected("true or false"); }
  void null_value() override { unexpected("null"); }

 private:
  [[noreturn]] void unexpected(std::string_view what) const {
    fail(ErrorKind::setup,
         "{}: the header has {} where it cannot be (tensor \"{}\", field \"{}\"); the file is damaged", where_, what,
         printable(name_), printable(field_));
  }
  void end_entry() {
    if (in_metadata_) return;
    if (!has_dtype_ || !has_shape_ || !has_offsets_ || entries.back().offsets.size() != 2)
      fail(ErrorKind::setup,
           "{}: the header says no dtype, shape or pair of data_offsets for tensor \"{}\"; the file is "
           "damaged",
           where_, printable(name_));
  }

  const std::string& where_;
  int depth_ = 0;
  bool in_metadata_ = false, in_array_ = false;
  bool has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
  std::string name_, field_;
};

}  // namespace

struct SafeTensorsFile::State {
  std::shared_ptr<const MappedFile> mapping;
  std::string where;
  std::vector<SafeTensor> tensors;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::unordered_map<std::string_view, std::size_t> index;  // views into tensors, which stay as they are

  void parse(std::span<const std::byte> bytes);
  void place(std::vector<Entry>& entries, std::span<const std::byte> data);
};

void SafeTensorsFile::State::parse(std::span<const std::byte> bytes) {
  ByteReader reader(bytes, where);
  const std::string_view header = [&] {
    const auto length = reader.read<std::uint64_t>("the header's length");
    if (length > kMaxHeader || length > reader.remaining())
      fail(ErrorKind::setup,
           "{}: the header claims {} bytes, {} are left and {} allowed; the file is truncated or no "
           "SafeTensors file",
           where, length, reader.remaining(), kMaxHeader);
    const auto* text = reinterpret_cast<const char*>(reader.take(length, "the header"));
    return std::string_view(text, static_cast<std::size_t>(length));
  }();
  if (header.empty() || header.front() != '{')
    fail(ErrorKind::setup, "{}: the header does not begin with \"{{\"; this is no SafeTensors file", where);
  HeaderVisitor visitor(where);
  visit_json(header, where, visitor);
  metadata = std::move(visitor.metadata);
  place(visitor.entries, bytes.subspan(reader.position()));
  for (std::size_t i = 0; i < tensors.size(); ++i) index.emplace(tensors[i].name, i);
}

/// The reference crate's rules: in order of offsets the tensors cover the data without holes or overlap.
void SafeTensorsFile::State::place(std::vector<Entry>& entries, std::span<const std::byte> data) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.offsets < b.offsets; });
  std::uint64_t at = 0;
  for (Entry& entry : entries) {
    const std::string name = printable(entry.tensor.name);
    const Dtype* dtype = find_dtype(entry.tensor.dtype);
    if (dtype == nullptr)
      fail(ErrorKind::setup, "{}: tensor \"{}\" has the unknown dtype \"{}\"", where, name,
           printable(entry.tensor.dtype));
    const auto begin = static_cast<std::uint64_t>(entry.offsets[0]);
    const auto end = static_cast<std::uint64_t>(entry.offsets[1]);
    if (begin != at || end < begin)
      fail(ErrorKind::setup,
           "{}: tensor \"{}\" lies at {} to {}, where byte {} comes next: a hole, an overlap or a swap; the "
           "file is damaged",
           where, name, begin, end, at);
    if (end > data.size())
      fail(ErrorKind::setup, "{}: tensor \"{}\" ends at byte {} of the data, which has {}; the file is truncated",
           where, name, end, data.size());
    const auto size = byte_size(*dtype, entry.tensor.shape);
    if (!size || *size != end - begin)
      fail(ErrorKind::setup,
           "{}: tensor \"{}\" of dtype {} and shape [{}] does not fill its {} bytes; the file is damaged", where, name,
           dtype->name, fmt::join(entry.tensor.shape, ", "), end - begin);
    entry.tensor.bytes = data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    tensors.push_back(std::move(entry.tensor));
    at = end;
  }
  if (at != data.size())
    fail(ErrorKind::setup, "{}: the data has {} bytes, the tensors cover {}; the file is damaged", where, data.size(),
         at);
}

SafeTensorsFile SafeTensorsFile::open(const std::filesystem::path& path) {
  auto state = std::make_shared<State>();
  state->mapping = std::make_shared<const MappedFile>(MappedFile::open(path));
  state->where = path.string();
  state->parse(state->mapping->bytes());
  SafeTensorsFile file;
  file.state_ = std::move(state);
  return file;
}

SafeTensorsFile SafeTensorsFile::parse(std::span<const std::byte> bytes, std::string where) {
  auto state = std::make_shared<State>();
  state->where = std::move(where);
  state->parse(bytes);
  SafeTensorsFile file;
  file.state_ = std::move(state);
  return file;
}

const std::vector<SafeTensor>& SafeTensorsFile::tensors() const noexcept { return state_->tensors; }
const std::vector<std::pair<std::string, std::string>>& SafeTensorsFile::metadata() const noexcept {
  return state_->metadata;
}
const std::string& SafeTensorsFile::where() const noexcept { return state_->where; }
std::shared_ptr<const MappedFile> SafeTensorsFile::mapping() const noexcept { return state_->mapping; }

const SafeTensor* SafeTensorsFile::find(std::string_view name) const noexcept {
  const auto found = state_->index.find(name);
  return found == state_->index.end() ? nullptr : &state_->tensors[found->second];
}

void SafeTensorsWriter::add_metadata(std::string key, std::string value) {
  metadata_.emplace_back(std::move(key), std::move(value));
}

void SafeTensorsWriter::add_tensor(std::string name, std::string dtype, std::vector<std::int64_t> shape,
                                   std::function<void(std::span<std::byte>)> fill) {
  const Dtype* found = find_dtype(dtype);
  const auto bytes = found == nullptr ? std::nullopt : byte_size(*found, shape);
  if (!bytes)
    fail(ErrorKind::usage, "tensor \"{}\" of dtype {} and shape [{}] cannot be written", name, dtype,
         fmt::join(shape, ", "));
  BH_ASSERT(name != "__metadata__");
  tensors_.push_back({std::move(name), std::move(dtype), std::move(shape), *bytes, std::move(fill)});
}

void SafeTensorsWriter::write(const std::filesystem::path& path) const {
  std::vector<const PendingTensor*> order;
  for (const PendingTensor& tensor : tensors_) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const PendingTensor* a, const PendingTensor* b) {
    const std::uint64_t a_bits = find_dtype(a->dtype)->bits;
    const std::uint64_t b_bits = find_dtype(b->dtype)->bits;
    return a_bits != b_bits ? a_bits > b_bits : a->name < b->name;
  });
  json::object header;
  json::object metadata;
  for (const auto& [key, value] : metadata_) metadata[key] = value;
  if (!metadata_.empty()) header["__metadata__"] = std::move(metadata);
  std::uint64_t offset = 0;
  for (const PendingTensor* tensor : order) {
    BH_ASSERT(!header.contains(tensor->name));
    const json::array shape(tensor->shape.begin(), tensor->shape.end());
    header[tensor->name] = {
        {"dtype", tensor->dtype}, {"shape", shape}, {"data_offsets", {offset, offset + tensor->bytes}}};
    offset += tensor->bytes;
  }
  std::string text = write_json_line(header);
  text.append((8 - text.size() % 8) % 8, ' ');

  AtomicFile file(path);
  const std::uint64_t length = text.size();
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(text);
  for (const PendingTensor* tensor : order) {
    AlignedBuffer<std::byte> buffer(tensor->bytes);
    tensor->fill(buffer.span());
    file.write(buffer.span());
  }
  file.commit();
}

}  // namespace bh::engine
