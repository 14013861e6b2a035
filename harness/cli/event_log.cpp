#include "harness/cli/event_log.h"

#include <cerrno>
#include <cstring>

#include "engine/base/error.h"
#include "harness/core/text.h"

namespace bh::harness {

void EventLog::open(const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  path_ = path;
  file_.open(path, std::ios::trunc);
  if (!file_) fail(ErrorKind::setup, "cannot write '{}': {}", path.string(), std::strerror(errno));
}

void EventLog::add(std::string_view event, const json::object& fields) {
  const std::lock_guard lock(mutex_);
  if (!file_.is_open()) return;
  json::value line = json::object{{"ns", ns_since_start_()}, {"event", event}};
  for (const auto& field : fields) line.as_object()[field.key()] = field.value();
  make_valid_utf8(line);
  file_ << write_json_line(line) << std::endl;
  if (!file_) fail(ErrorKind::setup, "cannot write '{}'; is the disk full?", path_.string());
}

}  // namespace bh::harness
