#include "harness/cli/staging.h"

#include <unistd.h>

#include <system_error>

#include "engine/base/error.h"

namespace bh::harness {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail_interrupted() { fail(ErrorKind::setup, "interrupted before it was done; nothing was changed"); }

}  // namespace

bool Leftovers::add(const fs::path& folder) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  folders_.insert(folder);
  return true;
}

bool Leftovers::finish(const std::function<void()>& last) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  last();
  return true;
}

void Leftovers::forget(const fs::path& folder) noexcept {
  const std::lock_guard lock(mutex_);
  folders_.erase(folder);
}

void Leftovers::remove_all() noexcept {
  constexpr int kTries = 10;  // the one who made it may be adding files still
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (const fs::path& folder : folders_) {
    std::error_code error;
    for (int i = 0; i < kTries; ++i) {
      fs::remove_all(folder, error);
      if (!error) break;
    }
  }
  folders_.clear();
}

Staging::Staging(const fs::path& target, Leftovers* leftovers) : leftovers_(leftovers) {
  fs::path parent = target.parent_path();
  if (parent.empty()) parent = ".";
  folder_ = parent / fmt::format(".{}.making-{}", target.filename().string(), ::getpid());
  if (leftovers_ != nullptr && !leftovers_->add(folder_)) fail_interrupted();
  std::error_code error;
  if (fs::create_directory(folder_, error)) return;
  if (leftovers_ != nullptr) leftovers_->forget(folder_);
  fail(ErrorKind::setup, "cannot write beside {}: {}; check that the folder exists and may be written", target.string(),
       error ? error.message() : "something else is being made there");
}

Staging::~Staging() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
  if (leftovers_ != nullptr) leftovers_->forget(folder_);
}

void Staging::finish(const std::function<void()>& last) {
  if (leftovers_ == nullptr) return last();
  if (!leftovers_->finish(last)) fail_interrupted();
}

}  // namespace bh::harness
