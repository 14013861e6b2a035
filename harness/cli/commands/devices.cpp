// bitharness devices: every device and kernel of this build, and why one cannot be used here.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/backend.h"
#include "engine/base/host.h"
#include "engine/base/json.h"
#include "engine/cpu/kernel_table.h"
#include "harness/cli/commands.h"

namespace bh::harness {

namespace {

constexpr std::array kRows = {rows::kJson};

json::object document() {
  json::array devices, kernels;
  for (const auto& device : engine::devices()) {
    const std::string reason = device.why_unusable();
    devices.push_back(json::object{{"name", device.name}, {"usable", reason.empty()}, {"why_unusable", reason}});
  }
  for (const auto& kernel : engine::cpu_kernels()) {
    kernels.push_back(json::object{{"name", kernel.name},
                                   {"op", kernel.op},
                                   {"isa", kernel.isa},
                                   {"usable", kernel.why_unusable.empty()},
                                   {"why_unusable", kernel.why_unusable}});
  }
  const HostFacts& host = host_facts();
  return {{"cpu_model", host.cpu_model},       {"architecture", host.architecture},
          {"usable_cores", host.usable_cores}, {"logical_cores", host.logical_cores},
          {"devices", std::move(devices)},     {"kernels", std::move(kernels)}};
}

int run(CommandContext& context) {
  if (context.options.flag("json")) {
    context.out << write_json(document());
    return 0;
  }
  const HostFacts& host = host_facts();
  context.out << fmt::format("{} ({}), {} of {} cores usable\n\ndevices, best first:\n", host.cpu_model,
                             host.architecture, host.usable_cores, host.logical_cores);
  for (const auto& device : engine::devices()) {
    const std::string reason = device.why_unusable();
    context.out << fmt::format("  {:<8} {}\n", device.name, reason.empty() ? "usable" : "not usable: " + reason);
  }
  const auto kernels = engine::cpu_kernels();
  std::size_t name_width = 0, op_width = 0;
  for (const auto& kernel : kernels) {
    name_width = std::max(name_width, kernel.name.size());
    op_width = std::max(op_width, kernel.op.size());
  }
  context.out << "\nkernels of the cpu, best first; force one with --kernel:\n";
  for (const auto& kernel : kernels) {
    context.out << fmt::format("  {:<{}}  {:<{}}  {}\n", kernel.name, name_width, kernel.op, op_width,
                               kernel.why_unusable.empty() ? "usable" : "not usable: " + kernel.why_unusable);
  }
  return 0;
}

}  // namespace

const CommandRow kDevicesCommand{"devices", "Lists devices and kernels, and why one cannot be used on this machine", "",
                                 kRows, run};

}  // namespace bh::harness
