// The keeper: a process between us and a child, forked from us and never replaced by another program. As its subreaper
// it inherits every orphan of the child, so it can end them all, whatever groups or sessions they made; and as it is in
// a process group of its own and notices the end of its control socket, that also happens when we are killed, or our
// whole group. Used by child.cpp only.
//
//   we ---- control socket ---- keeper ---- child ---- grandchildren
#pragma once

#include <sys/types.h>

namespace bh::harness {

/// From the keeper: first the child's pid, then that it has paused or ended, as waitpid tells it.
struct KeeperMessage {
  pid_t pid = 0;
  int status = 0;
  bool ended = false;
};

/// To the keeper: SIGTERM, SIGSTOP or SIGCONT for the child's group, unless it has ended. The end of the socket means:
/// kill all and go.
enum class KeeperOrder : char { terminate, pause, resume };

/// Called in a freshly forked process. Returns in a second one, the child to be, with default signals and nothing open
/// behind stderr once it calls exec; the first stays as its keeper and never returns. Returns an errno, with no child
/// made, where that failed. Makes system calls only.
int become_kept_child(int control) noexcept;

}  // namespace bh::harness
