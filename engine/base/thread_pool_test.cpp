#include "engine/base/thread_pool.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "engine/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/sanitized.h"

TEST_CASE("every chunk runs exactly once, whatever the number of threads") {
  for (const int threads : {1, 2, 3, 7}) {
    bh::ThreadPool pool(threads);
    REQUIRE(pool.threads() == threads);
    for (int region = 0; region < 500; ++region) {
      const std::int64_t chunks = region % 17;
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(chunks));
      std::atomic<bool> thread_in_range{true};
      pool.run(chunks, [&](std::int64_t chunk, int thread) {
        seen[static_cast<std::size_t>(chunk)].fetch_add(1);
        if (thread < 0 || thread >= threads) thread_in_range = false;
      });
      for (const auto& count : seen) REQUIRE(count == 1);
      REQUIRE(thread_in_range);
    }
  }
}

TEST_CASE("neighbouring chunks mostly run on one thread") {
  bh::ThreadPool pool(2);
  for (int region = 0; region < 20; ++region) {
    std::vector<int> owner(1000);
    std::array<std::atomic<bool>, 2> came{};
    pool.run(1000, [&](std::int64_t chunk, int thread) {
      owner[static_cast<std::size_t>(chunk)] = thread;
      came[static_cast<std::size_t>(thread)] = true;
      while (!came[0] || !came[1]) std::this_thread::yield();  // or the caller would do all of it
      const auto start = std::chrono::steady_clock::now();
      while (std::chrono::steady_clock::now() - start < std::chrono::microseconds(1)) continue;
    });
    int changes = 0;
    for (std::size_t i = 1; i < owner.size(); ++i) changes += owner[i] != owner[i - 1] ? 1 : 0;
    REQUIRE(changes > 0);
    REQUIRE(changes < 40);  // each piece takes a quarter of what is left
  }
}

TEST_CASE("results written in a region are visible after it") {
  bh::ThreadPool pool(3);
  std::vector<std::int64_t> values(1000);
  for (std::int64_t round = 1; round <= 200; ++round) {
    pool.run(1000, [&](std::int64_t chunk, int) { values[static_cast<std::size_t>(chunk)] = chunk * round; });
    std::int64_t sum = 0;
    for (const auto value : values) sum += value;
    REQUIRE(sum == round * 999 * 500);
  }
}

TEST_CASE("a pool that slept wakes up again") {
  bh::ThreadPool pool(2);
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::atomic<int> done{0};
    pool.run(64, [&](std::int64_t, int) { ++done; });
    REQUIRE(done == 64);
  }
}

TEST_CASE("a pool can end while its workers fall asleep") {
  for (int pools = 0; pools < 400; ++pools) {
    bh::ThreadPool pool(8);
    pool.run(8, [](std::int64_t, int) {});
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(pools);
    while (std::chrono::steady_clock::now() < end) continue;
  }
}

TEST_CASE("a system that starts no more threads is an error, and those that run are ended", "[child]") {
  if (bh::test::kSanitized) return;  // sanitizers need address space themselves
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit none_left{1, 1};
    setrlimit(RLIMIT_AS, &none_left);  // no stack for another thread
    try {
      bh::ThreadPool pool(100);
    } catch (const bh::Error& error) {
      _exit(error.kind() == bh::ErrorKind::setup ? 3 : 2);
    } catch (...) {
      _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 3);
}

TEST_CASE("absurd thread numbers are refused") {
  REQUIRE_THROWS_AS(bh::ThreadPool(-1), bh::Error);
  REQUIRE_THROWS_AS(bh::ThreadPool(100000), bh::Error);
}
