// The options by which commands and suites set up our engine.
#pragma once

#include "harness/core/options.h"

namespace bh::harness::rows {

inline constexpr OptionRow kThreads{.name = "threads",
                                    .aliases = "t",
                                    .kind = OptionKind::integer,
                                    .value_name = "N",
                                    .help = "threads; without it every usable core",
                                    .min = 1,
                                    .max = 1024};
inline constexpr OptionRow kDevice{.name = "device",
                                   .kind = OptionKind::text,
                                   .value_name = "NAME",
                                   .default_value = "auto",
                                   .help = "device to run on (see 'bitharness devices')"};
inline constexpr OptionRow kKernel{.name = "kernel",
                                   .kind = OptionKind::text,
                                   .value_name = "NAME",
                                   .help =
                                       "force the kernels of an instruction set or one kernel by name (see "
                                       "'bitharness devices'); never falls back"};

}  // namespace bh::harness::rows
