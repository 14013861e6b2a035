// The receipt of a run, schema 1.0.0: what was computed, by which kernels, how often, and the hashes of what came out.
// It is a pure function of the run record. Evidence for it is gathered by harness/judge/receipt_evidence.h; its gates
// stand in harness/judge/gates.h.
#pragma once

#include <string_view>

#include "engine/base/json.h"
#include "harness/core/report.h"

namespace bh::harness {

inline constexpr const char* kReceiptVersion = "1.0.0";
inline constexpr std::string_view kReceiptFile = "receipt.json";
/// The key of Report::notes under which a suite hands over its evidence; without it a run has no receipt.
inline constexpr std::string_view kReceiptNote = "receipt";

bool has_receipt(const Report& report);

/// The receipt as the text of receipt.json. `record_sha256` is the hash of run.json. Throws Error(setup) where the note
/// lacks a part of the evidence.
std::string make_receipt(const Report& report, std::string_view record_sha256);

}  // namespace bh::harness
