#include "engine/model/gguf_writer.h"

#include <cstring>
#include <unordered_set>

#include "engine/base/aligned_buffer.h"
#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "engine/model/gguf.h"
#include "engine/model/tokenizer.h"

namespace bh::engine {
namespace {

constexpr std::uint64_t kAlignment = 32;

std::uint64_t padding_after(std::uint64_t bytes) { return (kAlignment - bytes % kAlignment) % kAlignment; }

template <class T>
void put(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}

void put_string(std::string& out, std::string_view text) {
  put(out, std::uint64_t{text.size()});
  out += text;
}

void put_type(std::string& out, GgufType type) { put(out, static_cast<std::uint32_t>(type)); }

void begin_key(std::string& out, std::string_view key, GgufType type) {
  put_string(out, key);
  put_type(out, type);
}

void begin_array(std::string& out, std::string_view key, GgufType type, std::size_t count) {
  begin_key(out, key, GgufType::array);
  put_type(out, type);
  put(out, std::uint64_t{count});
}

}  // namespace

void GgufWriter::add(std::string_view key, std::string_view value) {
  begin_key(keys_, key, GgufType::string);
  put_string(keys_, value);
  ++n_keys_;
}

void GgufWriter::add(std::string_view key, std::uint32_t value) {
  begin_key(keys_, key, GgufType::u32);
  put(keys_, value);
  ++n_keys_;
}

void GgufWriter::add(std::string_view key, float value) {
  begin_key(keys_, key, GgufType::f32);
  put(keys_, value);
  ++n_keys_;
}

void GgufWriter::add(std::string_view key, bool value) {
  begin_key(keys_, key, GgufType::boolean);
  put(keys_, static_cast<std::uint8_t>(value ? 1 : 0));
  ++n_keys_;
}

void GgufWriter::add(std::string_view key, std::span<const std::string> values) {
  begin_array(keys_, key, GgufType::string, values.size());
  for (const std::string& value : values) put_string(keys_, value);
  ++n_keys_;
}

void GgufWriter::add(std::string_view key, std::span<const float> values) {
  begin_array(keys_, key, GgufType::f32, values.size());
  for (const float value : values) put(keys_, value);
  ++n_keys_;
}

void GgufWriter::add(std::string_view key, std::span<const std::int32_t> values) {
  begin_array(keys_, key, GgufType::i32, values.size());
  for (const std::int32_t value : values) put(keys_, value);
  ++n_keys_;
}

void GgufWriter::add_bos_token(bool value) {
  add("tokenizer.ggml.add_bos_token", value);
  has_add_bos_ = true;
}

void GgufWriter::add(const Vocabulary& vocabulary) {
  const std::string prefix = "tokenizer.ggml.";
  add(prefix + "model", std::string_view(vocabulary.model));
  if (!vocabulary.pre.empty()) add(prefix + "pre", std::string_view(vocabulary.pre));
  add(prefix + "tokens", std::span<const std::string>(vocabulary.tokens));
  if (!vocabulary.scores.empty()) add(prefix + "scores", std::span<const float>(vocabulary.scores));
  std::vector<std::int32_t> types;
  types.reserve(vocabulary.types.size());
  for (const TokenType type : vocabulary.types) types.push_back(static_cast<std::int32_t>(type));
  add(prefix + "token_type", std::span<const std::int32_t>(types));
  // Byte-level BPE without merges is a vocabulary, too; bitnet.cpp and ours ask for the key all the same.
  if (vocabulary.model == "gpt2" || !vocabulary.merges.empty())
    add(prefix + "merges", std::span<const std::string>(vocabulary.merges));
  const std::pair<const char*, TokenId> ids[] = {
      {"bos_token_id", vocabulary.bos},         {"eos_token_id", vocabulary.eos},
      {"eot_token_id", vocabulary.eot},         {"eom_token_id", vocabulary.eom},
      {"unknown_token_id", vocabulary.unknown}, {"padding_token_id", vocabulary.padding}};
  for (const auto& [name, id] : ids)
    if (id != kNoToken) add(prefix + name, static_cast<std::uint32_t>(id));
  if (!has_add_bos_) add_bos_token(vocabulary.add_bos);
  if (vocabulary.add_eos) add(prefix + "add_eos_token", true);
  if (vocabulary.model == "llama") add(prefix + "add_space_prefix", vocabulary.add_space_prefix);
  if (!vocabulary.chat_template.empty()) add("tokenizer.chat_template", std::string_view(vocabulary.chat_template));
}

void GgufWriter::add_tensor(std::string name, TensorType type, std::vector<std::int64_t> ne,
                            std::function<void(std::span<std::byte>)> fill) {
  BH_ASSERT(!name.empty() && name.size() < 64 && !ne.empty() && ne.size() <= 4);
  std::int64_t rows = 1;
  for (std::size_t d = 1; d < ne.size(); ++d) {
    if (ne[d] < 1 || __builtin_mul_overflow(rows, ne[d], &rows))
      fail(ErrorKind::usage, "tensor \"{}\" cannot have the extent {}", name, ne[d]);
  }
  const auto bytes = weight_format(type).byte_size(rows, ne[0]);
  if (!bytes)
    fail(ErrorKind::usage, "tensor \"{}\" of {} x {} values cannot be written as {}", name, rows, ne[0],
         weight_format(type).name);
  tensors_.push_back({std::move(name), type, std::move(ne), *bytes, std::move(fill)});
}

void GgufWriter::write(const std::filesystem::path& path) const {
  std::string head = "GGUF";
  put(head, std::uint32_t{3});
  put(head, std::uint64_t{tensors_.size()});
  put(head, n_keys_);
  head += keys_;
  std::uint64_t offset = 0;
  std::unordered_set<std::string_view> names;
  for (const PendingTensor& tensor : tensors_) {
    BH_ASSERT(names.insert(tensor.name).second);
    put_string(head, tensor.name);
    put(head, static_cast<std::uint32_t>(tensor.ne.size()));
    for (const std::int64_t extent : tensor.ne) put(head, static_cast<std::uint64_t>(extent));
    put(head, static_cast<std::uint32_t>(tensor.type));
    put(head, offset);
    offset += tensor.bytes + padding_after(tensor.bytes);
  }
  head.append(padding_after(head.size()), '\0');

  AtomicFile file(path);
  file.write(head);
  for (const PendingTensor& tensor : tensors_) {
    AlignedBuffer<std::byte> buffer(tensor.bytes + padding_after(tensor.bytes));
    tensor.fill(buffer.span().first(tensor.bytes));
    file.write(buffer.span());
  }
  file.commit();
}

}  // namespace bh::engine
