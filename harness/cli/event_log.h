// events.jsonl: one line per event of a run, written as it happens, so that it survives whatever ends the process.
// Schema: reports/schema/event.schema.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string_view>

#include "engine/base/json.h"

namespace bh::harness {

/// Without open() it swallows events. Safe to use from several threads.
class EventLog {
 public:
  explicit EventLog(std::function<std::int64_t()> ns_since_start) : ns_since_start_(std::move(ns_since_start)) {}

  /// Starts a new file. Throws Error(setup).
  void open(const std::filesystem::path& path);
  /// Appends {"ns": ..., "event": name, ...fields}. Throws Error(setup) where the disk is full.
  void add(std::string_view event, const json::object& fields = {});

 private:
  std::function<std::int64_t()> ns_since_start_;
  std::mutex mutex_;
  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace bh::harness
