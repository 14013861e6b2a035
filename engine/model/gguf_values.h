// The key-value part of a GGUF file. Only gguf.cpp uses this.
#pragma once

#include "engine/model/byte_reader.h"
#include "engine/model/gguf.h"

namespace bh::engine {

using GgufKeys = std::vector<std::pair<std::string, GgufValue>>;

/// Reads `count` keys; throws Error(setup) on anything that is not sound, duplicates included.
GgufKeys read_gguf_keys(ByteReader& reader, std::uint64_t count, const std::string& where);

/// "u32", "string", "array of f32".
std::string type_name(const GgufValue& value);

}  // namespace bh::engine
