#include "harness/measure/memory.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "engine/base/error.h"

namespace bh::harness {

MemoryUse read_memory() {
  MemoryUse use;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const auto kibibytes = [&] { return std::stoull(line.substr(line.find(':') + 1)) << 10; };
    if (line.rfind("VmRSS:", 0) == 0) use.resident_bytes = kibibytes();
    if (line.rfind("VmHWM:", 0) == 0) use.peak_bytes = kibibytes();
  }
  if (use.resident_bytes == 0 || use.peak_bytes == 0) {
    fail(ErrorKind::setup, "/proc/self/status does not say how much memory this process holds: is /proc mounted?");
  }
  return use;
}

bool reset_peak_memory() noexcept {
#if defined(__GLIBC__)
  ::malloc_trim(0);  // memory that was freed but kept would hide what is allocated next
#endif
  const int fd = ::open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = ::write(fd, "5", 1) == 1;
  ::close(fd);
  return done;
}

}  // namespace bh::harness
