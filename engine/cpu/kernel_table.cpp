#include "engine/cpu/kernel_table.h"

#include <algorithm>
#include <variant>

#include "engine/base/error.h"
#include "engine/base/host.h"

namespace bh::engine {
namespace {

using Functions = std::variant<TernaryKernel, const DenseKernels& (*)() noexcept, const ScreenKernels& (*)() noexcept,
                               const FloatKernels& (*)() noexcept>;

struct Row {
  Op op;
  std::string_view name;
  std::string_view isa;
  const char* (*why_unusable)(const HostFacts&);  ///< nullptr if usable
  Functions functions;
  std::int64_t least_tokens = 1;  ///< with fewer tokens the next row of the layout is taken
  TernaryLayout layout = TernaryLayout::two_bits;
};

const char* always_usable(const HostFacts&) { return nullptr; }
#if defined(__x86_64__)
const char* needs_avx2(const HostFacts& host) {
  return host.features.avx2 ? nullptr : "the CPU or the OS lacks AVX2 with FMA and F16C";
}
const char* needs_avx_vnni(const HostFacts& host) {
  return host.features.avx_vnni ? nullptr : "the CPU or the OS lacks AVX2 with AVX-VNNI";
}
const char* needs_avx512_vnni(const HostFacts& host) {
  return host.features.avx512_vnni ? nullptr : "the CPU or the OS lacks AVX-512 F, BW, DQ, VL and VNNI";
}
const char* needs_avx512_vbmi(const HostFacts& host) {
  return host.features.avx512_vbmi ? nullptr : "the CPU or the OS lacks AVX-512 VBMI beside VNNI";
}
const char* needs_amx_int8(const HostFacts& host) {
  if (!host.features.amx_int8) return "the CPU or the OS lacks AMX-INT8 beside AVX-512 VBMI";
  return may_use_amx() ? nullptr : "the kernel does not let this process use AMX tiles";
}
#elif defined(__aarch64__)
const char* needs_dotprod(const HostFacts& host) {
  return host.features.neon_dotprod ? nullptr : "the CPU or the OS lacks the dot product of bytes (asimddp)";
}
#endif

constexpr std::int64_t kAmxTokens = 5;  // fewer take AVX-512 less time than AMX
constexpr auto kTrits = TernaryLayout::trits;

// Best first within an op, scalar last: the first usable row is taken. Every instruction set has a ternary row.
constexpr Row kRows[] = {
#if defined(__x86_64__)
    {Op::ternary_matmul, "i2_s.amx_int8", "amx_int8", needs_amx_int8, ternary_amx_int8, kAmxTokens, kTrits},
    {Op::ternary_matmul, "i2_s.avx512_vbmi", "avx512_vbmi", needs_avx512_vbmi, ternary_avx512_vbmi, 1, kTrits},
    {Op::ternary_matmul, "i2_s.avx512_vnni", "avx512_vnni", needs_avx512_vnni, ternary_avx512_vnni},
    {Op::ternary_matmul, "i2_s.avx_vnni", "avx_vnni", needs_avx_vnni, ternary_avx_vnni},
    {Op::ternary_matmul, "i2_s.avx2", "avx2", needs_avx2, ternary_avx2},
#elif defined(__aarch64__)
    {Op::ternary_matmul, "i2_s.neon_dotprod", "neon_dotprod", needs_dotprod, ternary_neon_dotprod},
    {Op::ternary_matmul, "i2_s.neon", "neon", always_usable, ternary_neon},
#endif
    {Op::ternary_matmul, "i2_s.scalar", "scalar", always_usable, ternary_scalar},
#if defined(__x86_64__)
    {Op::dense_matmul, "dense.avx512_vnni", "avx512_vnni", needs_avx512_vnni, dense_avx512},
    {Op::dense_matmul, "dense.avx2", "avx2", needs_avx2, dense_avx2},
#elif defined(__aarch64__)
    {Op::dense_matmul, "dense.neon", "neon", always_usable, dense_neon},
#endif
    {Op::dense_matmul, "dense.scalar", "scalar", always_usable, dense_scalar},
#if defined(__x86_64__)
    {Op::head_screen, "screen.amx_int8", "amx_int8", needs_amx_int8, screen_amx, kAmxTokens},
    {Op::head_screen, "screen.avx512_vnni", "avx512_vnni", needs_avx512_vnni, screen_avx512},
    {Op::head_screen, "screen.avx_vnni", "avx_vnni", needs_avx_vnni, screen_avx_vnni},
    {Op::head_screen, "screen.avx2", "avx2", needs_avx2, screen_avx2},
#elif defined(__aarch64__)
    {Op::head_screen, "screen.neon_dotprod", "neon_dotprod", needs_dotprod, screen_neon_dotprod},
    {Op::head_screen, "screen.neon", "neon", always_usable, screen_neon},
#endif
    {Op::head_screen, "screen.scalar", "scalar", always_usable, screen_scalar},
#if defined(__x86_64__)
    {Op::float_ops, "float.avx512_vnni", "avx512_vnni", needs_avx512_vnni, float_avx512},
    {Op::float_ops, "float.avx2", "avx2", needs_avx2, float_avx2},
#elif defined(__aarch64__)
    {Op::float_ops, "float.neon", "neon", always_usable, float_neon},
#endif
    {Op::float_ops, "float.scalar", "scalar", always_usable, float_scalar},
};

std::string known_names() {
  std::string names;
  for (const Row& row : kRows) {
    if (row.op == Op::ternary_matmul) names += fmt::format("{}{}", names.empty() ? "" : ", ", row.isa);
  }
  for (const Row& row : kRows) names += fmt::format(", {}", row.name);
  return names;
}

/// Place of an instruction set among the ternary rows, best first; past them if it is none.
auto rank(std::string_view isa) {
  return std::find_if(std::begin(kRows), std::end(kRows),
                      [&](const Row& row) { return row.op == Op::ternary_matmul && row.isa == isa; });
}

const Row& choose(Op op, std::string_view forced, const HostFacts& host) {
  const auto names_row = [&](const Row& row) { return row.op == op && (row.isa == forced || row.name == forced); };
  const auto* wanted = std::find_if(std::begin(kRows), std::end(kRows), names_row);
  if (!forced.empty() && wanted != std::end(kRows)) {
    if (const char* reason = wanted->why_unusable(host)) {
      fail(ErrorKind::setup, "kernel {} cannot run here: {}; leave out --kernel to take the best usable one",
           wanted->name, reason);
    }
    return *wanted;
  }
  // An instruction set without a row of its own takes that of the next lesser one.
  const bool is_isa = rank(forced) != std::end(kRows);
  return *std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& row) {
    return row.op == op && (!is_isa || rank(row.isa) >= rank(forced)) && row.why_unusable(host) == nullptr;
  });
}

/// The row itself, or the next lesser one for few tokens: the rows of an op stand best first.
const Row& serving_few(const Row& chosen, const HostFacts& host) {
  return *std::find_if(&chosen, std::end(kRows), [&](const Row& row) {
    return row.op == chosen.op && row.least_tokens == 1 && row.layout == chosen.layout &&
           row.why_unusable(host) == nullptr;
  });
}

}  // namespace

std::string_view to_string(Op op) noexcept {
  switch (op) {
    case Op::ternary_matmul:
      return "ternary_matmul";
    case Op::dense_matmul:
      return "dense_matmul";
    case Op::head_screen:
      return "head_screen";
    case Op::float_ops:
      return "float_ops";
  }
  return "unknown";
}

std::vector<KernelInfo> cpu_kernels() {
  std::vector<KernelInfo> list;
  for (const Row& row : kRows) {
    const char* reason = row.why_unusable(host_facts());
    list.push_back({std::string(row.name), std::string(to_string(row.op)), std::string(row.isa), reason ? reason : ""});
  }
  return list;
}

BoundKernels bind_kernels(std::string_view forced, const HostFacts& host) {
  const bool known = forced.empty() || std::any_of(std::begin(kRows), std::end(kRows), [&](const Row& row) {
                       return row.isa == forced || row.name == forced;
                     });
  if (!known) fail(ErrorKind::usage, "unknown kernel \"{}\"; known: {}", forced, known_names());
  const Row& ternary = choose(Op::ternary_matmul, forced, host);
  const Row& dense = choose(Op::dense_matmul, forced, host);
  const Row& screen = choose(Op::head_screen, forced, host);
  const Row& floats = choose(Op::float_ops, forced, host);
  const Row &few = serving_few(ternary, host), &screen_few = serving_few(screen, host);
  return {std::get<TernaryKernel>(ternary.functions),
          std::get<TernaryKernel>(few.functions),
          ternary.least_tokens,
          ternary.layout,
          !host.amd,  // AMD's units that multiply leave unpacking to others, and storing takes long there
          &std::get<const DenseKernels& (*)() noexcept>(dense.functions)(),
          &std::get<const ScreenKernels& (*)() noexcept>(screen.functions)(),
          &std::get<const ScreenKernels& (*)() noexcept>(screen_few.functions)(),
          screen.least_tokens,
          &std::get<const FloatKernels& (*)() noexcept>(floats.functions)(),
          std::string(ternary.name),
          std::string(few.name),
          std::string(dense.isa),
          std::string(screen.isa),
          std::string(screen_few.isa),
          std::string(floats.isa)};
}

DenseKernel dense_kernel(const DenseKernels& kernels, TensorType type) {
  switch (type) {
    case TensorType::f32:
      return kernels.f32;
    case TensorType::f16:
      return kernels.f16;
    case TensorType::bf16:
      return kernels.bf16;
    case TensorType::q8_0:
      return kernels.q8_0;
    case TensorType::q6_k:
      return kernels.q6_k;
    case TensorType::i2_s:
      break;
  }
  fail(ErrorKind::internal, "no float kernel for tensor type {}", static_cast<unsigned>(type));
}

ScreenPacker screen_packer(const ScreenKernels& kernels, TensorType type) {
  switch (type) {
    case TensorType::f32:
      return kernels.pack_f32;
    case TensorType::f16:
      return kernels.pack_f16;
    case TensorType::bf16:
      return kernels.pack_bf16;
    default:
      fail(ErrorKind::internal, "no screen for tensor type {}", static_cast<unsigned>(type));
  }
}

}  // namespace bh::engine
