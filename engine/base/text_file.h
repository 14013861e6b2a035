// Small files read whole. Larger ones, such as a model's weights, are mapped: mapped_file.h.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace bh {

/// Whether something has that name, its links followed. Throws Error(setup) where that cannot be told (a loop of links,
/// a folder that may not be searched).
bool file_exists(const std::filesystem::path& path);

/// The bytes of a regular file of at most `max_bytes`. Throws Error(setup); a directory, FIFO or device is refused
/// unopened, so nothing can hang or fill the memory.
std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace bh
