// Which machines may be compared, and how: the same machine in everything, machines of one class in what carries over.
#pragma once

#include <string>

#include "harness/core/report.h"

namespace bh::harness {

/// "x86_64-avx512_vnni-c2": architecture, the best instruction set that CPU and system permit, and the usable cores
/// rounded down to a power of two. Within a class f (tokens/s x bytes per token / read bandwidth) carries over;
/// absolute speeds do not, since memory and clock rates differ.
std::string machine_class(const Environment& environment);

/// Everything that has to be equal before absolute speeds may be: host, CPU, cores, caches and memory. In plain words,
/// so that a difference can be read.
std::string machine_fingerprint(const Environment& environment);

}  // namespace bh::harness
