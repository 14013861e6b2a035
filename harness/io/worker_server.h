// The worker's side of the worker protocol (harness/io/worker.h), over any subject.
#pragma once

#include "harness/core/subject.h"
#include "harness/io/frame.h"

namespace bh::harness {

/// `hello`, then answers until the stream ends. Throws Error(usage) after bytes that are no frame, once it has said so
/// in an `error` frame; what `write` throws passes through.
void serve_worker(Subject& subject, const ReadBytes& read, const WriteBytes& write);

}  // namespace bh::harness
