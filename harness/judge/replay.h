// Runs the tokens of a receipt again and compares the hashes: the same numerics on the same class of device must give
// the same bits, whoever runs it.
#pragma once

#include <filesystem>
#include <span>

#include "harness/core/check.h"
#include "harness/core/subject.h"

namespace bh::harness {

/// `model` empty = the one the receipt names, or the shipped one, where their hash is the receipt's. Passed, failed, or
/// untrusted: "cannot replay" and why.
Check replay(const json::object& receipt, std::span<const SubjectRow> subjects, const std::filesystem::path& model,
             int threads);

}  // namespace bh::harness
