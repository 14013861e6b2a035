// Small files read whole. Larger ones, such as a model's weights, are mapped: mapped_file.h.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace bh {

/// The bytes of a regular file of at most `max_bytes`. Throws Error(setup); a directory, FIFO or device is refused
/// unopened, so nothing can hang or fill the memory.
std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace bh
