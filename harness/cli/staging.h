// A folder in which something is made before it takes its place, and which is gone afterwards, whoever ends the work:
// its maker, an exception, or the watcher of signals.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <set>

namespace bh::harness {

/// Folders to remove where a process has to end before those who made them are done. Used from two threads.
class Leftovers {
 public:
  /// False, without noting it, where remove_all() came first.
  bool add(const std::filesystem::path& folder);
  /// Runs `last`, the part of the work that must not be cut off. False, without running it, where remove_all() came
  /// first.
  bool finish(const std::function<void()>& last);
  void forget(const std::filesystem::path& folder) noexcept;
  /// For a process about to end. Waits for a `last` that is running; none starts afterwards.
  void remove_all() noexcept;

 private:
  std::mutex mutex_;
  std::set<std::filesystem::path> folders_;
  bool closed_ = false;
};

class Staging {
 public:
  /// A hidden folder beside `target`. `leftovers` may be nullptr; it outlives this. Throws Error(setup), also where the
  /// process is about to end.
  Staging(const std::filesystem::path& target, Leftovers* leftovers);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  const std::filesystem::path& folder() const noexcept { return folder_; }
  /// Runs `last`, which moves what was made to its place, as a whole. Throws Error(setup) where the process is about to
  /// end.
  void finish(const std::function<void()>& last);

 private:
  std::filesystem::path folder_;
  Leftovers* leftovers_;
};

}  // namespace bh::harness
