// A persistent pool for many short parallel regions: threads take what is left in ever smaller pieces, and a barrier
// spins briefly, then yields, then sleeps, so that a busy neighbour costs its share and never a collapse.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace bh {

/// `threads()` counts the caller, which works too. One region at a time, started from one thread.
class ThreadPool {
 public:
  static constexpr int kMaxThreads = 1024;

  /// 0 = the usable cores (engine/base/host.h). Throws Error(usage) above kMaxThreads, Error(setup) where the system
  /// starts no more threads. More than usable cores work, since tests need them; callers that take the number from a
  /// user cap it (CpuBackend).
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const noexcept { return static_cast<int>(workers_.size()) + 1; }

  /// Calls work(chunk, thread) for every chunk in [0, chunks), each once, on any thread; returns when all are done.
  /// Neighbouring chunks mostly run one after the other on one thread: what they read is one stream.
  /// `work` must not throw. thread is in [0, threads()).
  template <class Work>
  void run(std::int64_t chunks, const Work& work) noexcept {
    run_erased(
        chunks,
        [](const void* context, std::int64_t chunk, int thread) {
          (*static_cast<const Work*>(context))(chunk, thread);
        },
        &work);
  }

 private:
  using Function = void (*)(const void* context, std::int64_t chunk, int thread);

  void run_erased(std::int64_t chunks, Function function, const void* context) noexcept;
  void worker(int thread) noexcept;
  void work_on_chunks(int thread) noexcept;
  void stop() noexcept;

  std::vector<std::thread> workers_;
  Function function_ = nullptr;
  const void* context_ = nullptr;
  std::int64_t chunks_ = 0;
  alignas(64) std::atomic<std::int64_t> next_chunk_{0};
  /// High half: region number, odd while the region is open. Low half: workers inside it. A worker that is not running
  /// when a region opens may miss it: nobody waits for a thread that the machine has taken away.
  alignas(64) std::atomic<std::uint64_t> region_{0};
  alignas(64) std::atomic<std::uint32_t> wake_{0};  ///< changes when a region opens; workers sleep on it
  std::atomic<bool> stop_{false};
};

}  // namespace bh
