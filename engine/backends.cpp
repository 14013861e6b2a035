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
    case Numerics::one_answer_kv_int8:
      return "one_answer_kv_int8";
    case Numerics::reference_batch:
      return "reference_batch";
    case Numerics::reference_single:
      return "reference_single";
  }
  return "unknown";
}

Numerics numerics_from(std::string_view name) {
  std::string known;
  for (const Numerics numerics :
       {Numerics::one_answer, Numerics::one_answer_kv_int8, Numerics::reference_batch, Numerics::reference_single}) {
    if (to_string(numerics) == name) return numerics;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", to_string(numerics));
  }
  fail(ErrorKind::usage, "unknown numerics \"{}\"; known: {}", name, known);
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
