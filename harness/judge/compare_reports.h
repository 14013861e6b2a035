// Two reports of different runs side by side: what both measured, as ratios with intervals. Weaker evidence than pairs
// of one run, since the machine may have changed in between; that is why absolute speeds count on one machine only.
#pragma once

#include <optional>
#include <string_view>

#include "harness/core/report.h"

namespace bh::harness {

/// Whether more of a metric is better, less is, or neither: "..._per_second" against "..._ms".
enum class Better { higher, lower };
std::optional<Better> better_direction(std::string_view metric) noexcept;

/// A judged report of the suite "compare" with one case for each case of `now`, "compare/<id>": a metric M that both
/// have becomes M_ratio with the samples of neither, M_ratio_low and M_ratio_high; above 1 = `now` is better. The
/// interval is that of one median over the other's far end, so it holds the ratio with at least the coverage of both.
/// Judged are metrics with at least five samples on both sides, absolute ones only where both ran on one machine:
/// all of the interval below 1 - margin is regressed, a part of it untrusted. A case that passed `before` and fails
/// `now` fails. A case that was green and could be judged `before` is required: gone, skipped, untrusted, of another
/// model or not comparable `now`, it leaves the comparison inconclusive, as does a run that a signal ended. A case that
/// only `now` has is skipped and not required.
Report compare_reports(const Report& before, const Report& now, double margin);

}  // namespace bh::harness
