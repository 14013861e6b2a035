// The list of devices.
#include <algorithm>

#include "engine/backend.h"
#include "engine/base/error.h"
#include "engine/cpu/cpu_backend.h"

namespace bh::engine {
namespace {

const Device kDevices[] = {
    {"cpu", [] { return std::string(); }, load_cpu_backend},
};

}  // namespace

std::string_view to_string(Numerics numerics) noexcept {
  switch (numerics) {
    case Numerics::one_answer:
      return "one_answer";
    case Numerics::reference_batch:
      return "reference_batch";
    case Numerics::reference_single:
      return "reference_single";
  }
  return "unknown";
}

std::string_view to_string(CacheType type) noexcept { return type == CacheType::int8 ? "int8" : "f16"; }

CacheType cache_type_from(std::string_view name) {
  for (const CacheType type : {CacheType::f16, CacheType::int8}) {
    if (to_string(type) == name) return type;
  }
  fail(ErrorKind::usage, "unknown type of KV cache \"{}\"; known: f16, int8", name);
}

std::span<const Device> devices() noexcept { return kDevices; }

const Device& find_device(std::string_view name) {
  std::string known = "auto";
  for (const Device& device : kDevices) {
    known += fmt::format(", {}", device.name);
    const std::string reason = device.why_unusable();
    if (name == device.name && !reason.empty()) fail(ErrorKind::setup, "device {} cannot be used: {}", name, reason);
    if (name == device.name || (name == "auto" && reason.empty())) return device;
  }
  fail(ErrorKind::usage, "unknown device \"{}\"; this build knows {}", name, known);
}

}  // namespace bh::engine
