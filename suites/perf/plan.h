// Which cases a perf run has: the table of criteria.json, changed by options, crossed with models, threads and rivals.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "harness/core/options.h"
#include "harness/core/result.h"
#include "harness/judge/criteria.h"

namespace bh::suites::perf {

enum class Kind { load, prefill, decode, together, speculated, against_prefill, against_decode, baseline };

/// In place of a percentage of guesses that hold: they come from prompt lookup, and hold as they may.
inline constexpr std::int32_t kLookup = -1;

/// A model to measure; a synthetic one is made when its first case runs.
struct PerfModel {
  std::string name;    ///< "kjv-3m-i2_s"
  std::string preset;  ///< of a synthetic one, else empty
  std::filesystem::path path;
  std::int32_t n_ctx = 0;
};

/// Something else that is timed beside us.
struct Rival {
  std::string name;     ///< in case ids: "previous_build", "bitnet_cpp-2"
  std::string subject;  ///< the row of the list of subjects
  std::string address;
};

/// One row of "tables".
struct Table {
  std::string name;
  std::vector<std::string> models;  ///< "shipped", "synth:PRESET" or a path
  std::vector<int> threads;
  std::vector<std::int32_t> prompt_lengths, depths, ubatch_sizes;
  std::vector<std::int32_t> sequences;  ///< decoded together; may be empty
  std::vector<std::int32_t> guesses;    ///< percent that hold, or kLookup; may be empty
  std::int32_t decode_tokens = 0;
  std::int64_t rounds = 0, loads = 0;
};

struct Spec {
  Kind kind = Kind::load;
  std::size_t model = 0;  ///< index of PerfModel
  int threads = 1;
  std::int32_t ubatch = 512;
  std::int32_t prompt = 0;         ///< prefill: tokens of the prompt
  std::int32_t depth = 0;          ///< decode: tokens in the cache before the first timed one; at least one is there
  std::int32_t decode_tokens = 0;  ///< timed steps of one repetition
  std::int32_t sequences = 1;      ///< together: how many
  std::int32_t guesses = 0;        ///< speculated: percent that hold, or kLookup
  std::size_t rival = 0;           ///< index of Rival
};

struct Planned {
  harness::Case item;
  Spec spec;
};

/// Throws Error(setup) naming the place.
void refuse_outside(std::string_view name, double value, double least, double most, const std::string& where);

/// The table that the options choose, with what they change. "all" threads are `usable_cores`; more than those, or an
/// unreadable list, is Error(usage).
Table read_table(const harness::Options& options, const harness::Criteria& criteria, int usable_cores);

/// "bitnet.cpp:DIR", a URL, or a program. Throws Error(usage).
std::vector<Rival> read_rivals(const std::vector<std::string>& addresses);

/// Every case. `device` stands in the ids: "cpu.avx512_vnni". What does not fit a model's context is cut down to it,
/// and what that makes equal is measured once.
std::vector<Planned> plan(const Table& table, std::span<const PerfModel> models, std::span<const Rival> rivals,
                          const std::string& device, bool baseline);

/// "pp128", "tg32", "tg32 @ d512": what users of llama-bench know.
std::string label(const Spec& spec);
std::string_view to_string(Kind kind) noexcept;

}  // namespace bh::suites::perf
