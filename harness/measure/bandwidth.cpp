#include "harness/measure/bandwidth.h"

#include <algorithm>
#include <new>

#include "engine/base/error.h"
#include "engine/base/prefetch.h"

namespace bh::harness {
namespace {

constexpr std::uint64_t kMinBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kChunkWords = (std::uint64_t{64} << 10) / sizeof(std::uint64_t);
constexpr std::size_t kLineWords = 8;

#if defined(__clang__)
#define BH_PLAIN_READS __attribute__((no_sanitize("address", "thread", "undefined")))
#else
#define BH_PLAIN_READS __attribute__((no_sanitize_address, no_sanitize_thread, no_sanitize_undefined))
#endif

/// One load for 8 bytes of each line would move the same lines, but sums of all words keep several loads in flight and
/// let the compiler use vectors.
BH_PLAIN_READS std::uint64_t sum_words(const std::uint64_t* words, std::size_t count) noexcept {
  std::uint64_t sums[kLineWords] = {};
  for (std::size_t i = 0; i < count; i += kLineWords) {
    prefetch_stream(words + i, kBareStreamAhead);
    for (std::size_t j = 0; j < kLineWords; ++j) sums[j] += words[i + j];
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t part : sums) sum += part;
  return sum;
}

AlignedBuffer<std::uint64_t> working_set(std::uint64_t bytes) {
  const std::uint64_t chunks = (std::max(bytes, kMinBytes) / sizeof(std::uint64_t) + kChunkWords - 1) / kChunkWords;
  try {
    AlignedBuffer<std::uint64_t> words(chunks * kChunkWords);
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = i;
    return words;
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::setup,
         "measuring memory bandwidth needs {} MiB of memory, which this machine does not give: "
         "choose a smaller model",
         bytes >> 20);
  }
}

}  // namespace

BandwidthProbe::BandwidthProbe(std::uint64_t working_set_bytes, int threads)
    : pool_(threads),
      words_(working_set(working_set_bytes)),
      sums_(static_cast<std::size_t>(pool_.threads()) * kLineWords) {
  pass();
}

void BandwidthProbe::pass() noexcept {
  std::fill_n(sums_.data(), sums_.size(), 0);
  const auto chunks = static_cast<std::int64_t>(words_.size() / kChunkWords);
  pool_.run(chunks, [this](std::int64_t chunk, int thread) {
    sums_[static_cast<std::size_t>(thread) * kLineWords] +=
        sum_words(words_.data() + static_cast<std::size_t>(chunk) * kChunkWords, kChunkWords);
  });
  checksum_ = 0;
  for (std::size_t i = 0; i < sums_.size(); i += kLineWords) checksum_ += sums_[i];
}

double BandwidthProbe::sample(std::int64_t min_ns, const Clock& clock) {
  const std::int64_t start = clock.steady_ns();
  std::int64_t elapsed = 0;
  std::uint64_t bytes = 0;
  do {
    pass();
    bytes += working_set_bytes();
    elapsed = clock.steady_ns() - start;
  } while (elapsed < min_ns || elapsed <= 0);
  return static_cast<double>(bytes) * 1e9 / static_cast<double>(elapsed);
}

}  // namespace bh::harness
