#include "suites/acceptance/refused_models.h"

#include <unistd.h>

#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/base/error.h"
#include "engine/model/model.h"

namespace bh::suites::acceptance {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kTensor = "blk.0.attn_q.weight";
constexpr std::uint32_t kString = 8;  // GGUF value type

static_assert(std::endian::native == std::endian::little, "GGUF is written little-endian");

template <class T>
void put(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void put_string(std::string& out, std::string_view text) {
  put(out, std::uint64_t{text.size()});
  out += text;
}

/// No writer of ours makes such a file: header, one key, one tensor of 256 x 256 with room for any format.
std::string gguf_with_type(std::uint32_t type_id) {
  std::string out = "GGUF";
  put(out, std::uint32_t{3});
  put(out, std::uint64_t{1});  // tensors
  put(out, std::uint64_t{1});  // keys
  put_string(out, "general.architecture");
  put(out, kString);
  put_string(out, "bitnet-b1.58");
  put_string(out, kTensor);
  put(out, std::uint32_t{2});
  put(out, std::uint64_t{256});
  put(out, std::uint64_t{256});
  put(out, type_id);
  put(out, std::uint64_t{0});
  out.append((32 - out.size() % 32) % 32, '\0');
  out.append(std::size_t{256} * 256 * 4, '\0');
  return out;
}

/// A file of its own in the temporary folder, removed at the end.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes) {
    std::string name = (fs::temp_directory_path() / "bitharness-XXXXXX").string();
    const int fd = ::mkstemp(name.data());
    if (fd < 0)
      fail(ErrorKind::setup, "cannot make a file in {}: {}", fs::temp_directory_path().string(), strerror(errno));
    ::close(fd);
    path_ = name;
    std::ofstream out(path_, std::ios::binary);
    out << bytes;
    if (!out.flush()) {
      remove();
      fail(ErrorKind::setup, "cannot write {}: is the disk full?", path_.string());
    }
  }
  ~TemporaryFile() { remove(); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const fs::path& path() const noexcept { return path_; }

 private:
  void remove() const noexcept {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  fs::path path_;
};

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

std::vector<RefusedModel> refused_models() {
  return {{35, "TQ2_0"}, {34, "TQ1_0"}, {135, "IQ2_BN"}, {335, "IQ2_BN_R4"}, {38, "TL1"},
          {39, "TL2"},   {12, "Q4_K"},  {4, "removed"},  {9999, "unknown"}};
}

Refusal try_to_load(const RefusedModel& model, const harness::Clock& clock) {
  const TemporaryFile file(gguf_with_type(model.type_id));
  Refusal refusal;
  const std::int64_t start = clock.steady_ns();
  try {
    static_cast<void>(engine::load_model(file.path()));
    refusal.message = fmt::format("type {} was loaded", model.type_id);
  } catch (const Error& error) {
    refusal.message = error.what();
    refusal.refused = error.kind() == ErrorKind::setup;
  }
  refusal.seconds = static_cast<double>(clock.steady_ns() - start) * 1e-9;
  if (!refusal.refused) return refusal;
  refusal.names_tensor = holds(refusal.message, kTensor);
  refusal.names_type = holds(refusal.message, model.type_name) && holds(refusal.message, std::to_string(model.type_id));
  refusal.says_what_to_do = holds(refusal.message, "convert") || holds(refusal.message, "quantize");
  return refusal;
}

}  // namespace bh::suites::acceptance
