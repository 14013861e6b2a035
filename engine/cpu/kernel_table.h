// The list of CPU kernels: the whole dispatch policy stands in kernel_table.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/host.h"
#include "engine/cpu/kernels.h"
#include "engine/formats/formats.h"

namespace bh::engine {

enum class Op { ternary_matmul, dense_matmul, head_screen, float_ops };
std::string_view to_string(Op op) noexcept;

struct KernelInfo {
  std::string name;          ///< "i2_s.avx512_vnni"
  std::string op;            ///< "ternary_matmul"
  std::string isa;           ///< "avx512_vnni"
  std::string why_unusable;  ///< empty if this machine can run it
};

/// Every row of the table with its reason, best first within an op.
std::vector<KernelInfo> cpu_kernels();

/// The kernels one backend runs, bound once. Names are those that kernel counts use.
struct BoundKernels {
  TernaryKernel ternary;
  TernaryKernel ternary_few;  ///< for fewer tokens than least_tokens
  std::int64_t least_tokens;
  TernaryLayout layout;  ///< of the weights that both take
  bool unpack_once;      ///< TernaryTask::unpack_once
  const DenseKernels* dense;
  const ScreenKernels* screen;
  const ScreenKernels* screen_few;  ///< for fewer tokens than screen_least_tokens
  std::int64_t screen_least_tokens;
  const FloatKernels* floats;
  std::string ternary_name;  ///< "i2_s.avx512_vnni"
  std::string ternary_few_name;
  std::string dense_isa;   ///< the dense kernel of a format is named "f16.<isa>"
  std::string screen_isa;  ///< the screen's row is named "screen.<isa>"
  std::string screen_few_isa;
  std::string float_isa;
};

/// Binds the best usable row per op. `forced` names an instruction set ("avx2": an op without a row of it takes the
/// next lesser one) or a row ("i2_s.avx2": the other ops stay as they are). Where that row does not serve few tokens,
/// the next one does, under its own name. Never falls back in silence: Error(usage) on an unknown name, Error(setup)
/// with the reason.
BoundKernels bind_kernels(std::string_view forced = {}, const HostFacts& host = host_facts());

DenseKernel dense_kernel(const DenseKernels& kernels, TensorType type);
/// Of f32, f16 and bf16.
ScreenPacker screen_packer(const ScreenKernels& kernels, TensorType type);

}  // namespace bh::engine
