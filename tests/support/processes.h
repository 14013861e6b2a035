// What /proc tells of processes.
#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace bh::test {

/// A file of /proc, or as much of it as was there: a process may end while it is read.
inline std::string proc_text(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

struct ListedProcess {
  std::string pid;
  char state = 0;
  int parent = 0, group = 0;
};

inline std::vector<ListedProcess> all_processes() {
  std::vector<ListedProcess> processes;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    ListedProcess process;
    process.pid = entry.path().filename();
    if (process.pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string text = proc_text(entry.path() / "stat");  // PID (NAME) STATE PPID PGRP ...
    const auto name_end = text.rfind(')');
    if (name_end == std::string::npos) continue;
    std::istringstream(text.substr(name_end + 1)) >> process.state >> process.parent >> process.group;
    processes.push_back(process);
  }
  return processes;
}

/// Whether all of a process group are stopped, or none is, before long: signals take effect in their own time.
inline bool group_becomes(int group, bool stopped) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  do {
    const auto processes = all_processes();
    const auto others = std::count_if(processes.begin(), processes.end(), [&](const ListedProcess& process) {
      return process.group == group && (process.state == 'T') != stopped;
    });
    if (others == 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  } while (std::chrono::steady_clock::now() < until);
  return false;
}
inline bool group_stops(int group) { return group_becomes(group, true); }
inline bool group_goes_on(int group) { return group_becomes(group, false); }

}  // namespace bh::test
