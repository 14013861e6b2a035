#include "engine/base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <system_error>

#include "engine/base/error.h"
#include "engine/base/host.h"

namespace bh {
namespace {

inline void pause_briefly() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// A few microseconds of spinning, for the next region usually follows at once; then the core is offered to others.
class Backoff {
 public:
  static constexpr int kSpins = 2000, kYields = 200;
  bool worth_sleeping() const noexcept { return rounds_ >= kSpins + kYields; }
  void wait() noexcept {
    if (rounds_++ < kSpins) {
      pause_briefly();
    } else {
      sched_yield();
    }
  }

 private:
  int rounds_ = 0;
};

constexpr std::uint64_t kNextRegion = std::uint64_t{1} << 32;
constexpr bool is_open(std::uint64_t region) noexcept { return (region & kNextRegion) != 0; }
constexpr std::uint64_t number(std::uint64_t region) noexcept { return region / kNextRegion; }
constexpr std::uint64_t workers_inside(std::uint64_t region) noexcept { return region & (kNextRegion - 1); }

}  // namespace

ThreadPool::ThreadPool(int threads) {
  const int usable = host_facts().usable_cores;
  if (threads < 0) fail(ErrorKind::usage, "{} threads make no sense; use 1 to {}", threads, usable);
  if (threads > kMaxThreads) fail(ErrorKind::usage, "{} threads are too many; use 1 to {}", threads, kMaxThreads);
  const int count = threads == 0 ? usable : threads;
  workers_.reserve(static_cast<std::size_t>(count) - 1);
  try {
    for (int i = 1; i < count; ++i) workers_.emplace_back([this, i] { worker(i); });
  } catch (const std::system_error& error) {
    stop();
    fail(ErrorKind::setup, "no more than {} of {} threads could be started ({}); use fewer, or allow more processes",
         workers_.size() + 1, count, error.what());
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() noexcept {
  stop_.store(true);
  wake_.fetch_add(1);
  wake_.notify_all();
  for (std::thread& thread : workers_) thread.join();
}

void ThreadPool::run_erased(std::int64_t chunks, Function function, const void* context) noexcept {
  if (chunks <= 0) return;
  if (workers_.empty() || chunks == 1) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) function(context, chunk, 0);
    return;
  }
  function_ = function;
  context_ = context;
  chunks_ = chunks;
  next_chunk_.store(0, std::memory_order_relaxed);
  region_.fetch_add(kNextRegion, std::memory_order_release);  // opens
  wake_.fetch_add(1, std::memory_order_release);
  wake_.notify_all();
  work_on_chunks(0);
  // All chunks are taken. Close the region, then wait for the workers that are still inside it.
  region_.fetch_add(kNextRegion, std::memory_order_acq_rel);
  for (Backoff backoff; workers_inside(region_.load(std::memory_order_acquire)) != 0;) backoff.wait();
}

void ThreadPool::work_on_chunks(int thread) noexcept {
  std::int64_t first = next_chunk_.load(std::memory_order_relaxed);
  while (first < chunks_) {
    const std::int64_t end = first + std::max<std::int64_t>(1, (chunks_ - first) / (2 * threads()));
    if (!next_chunk_.compare_exchange_weak(first, end, std::memory_order_relaxed)) continue;
    for (std::int64_t chunk = first; chunk < end; ++chunk) function_(context_, chunk, thread);
    first = next_chunk_.load(std::memory_order_relaxed);
  }
}

void ThreadPool::worker(int thread) noexcept {
  std::uint64_t joined = 0;  // the region this worker was in last
  for (Backoff backoff;;) {
    const std::uint32_t wake = wake_.load(std::memory_order_acquire);  // before what is looked at: no lost wake-up
    if (stop_.load(std::memory_order_relaxed)) return;
    std::uint64_t region = region_.load(std::memory_order_acquire);
    if (is_open(region) && number(region) != joined) {
      if (!region_.compare_exchange_weak(region, region + 1, std::memory_order_acq_rel)) continue;
      joined = number(region);
      work_on_chunks(thread);
      region_.fetch_sub(1, std::memory_order_release);
      backoff = {};
    } else if (backoff.worth_sleeping()) {
      wake_.wait(wake, std::memory_order_acquire);
      backoff = {};
    } else {
      backoff.wait();
    }
  }
}

}  // namespace bh
