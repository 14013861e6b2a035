# Run by bh_embed: writes BASE.h and BASE.cpp with the bytes of FILES, one function per file, in a namespace per target:
# several suites have a criteria.json.
string(REGEX REPLACE "^bh_" "" scope "${TARGET}")
set(header "// Made by bh_embed(${TARGET} ...).\n#pragma once\n\n#include <string_view>\n\nnamespace bh::embedded::${scope} {\n")
set(source "// Made by bh_embed(${TARGET} ...).\n#include \"generated/${TARGET}.h\"\n\nnamespace bh::embedded::${scope} {\n")
foreach(file IN LISTS FILES)
  cmake_path(GET file FILENAME name)
  string(MAKE_C_IDENTIFIER "${name}" name)
  file(READ "${file}" hex HEX)
  file(SIZE "${file}" size)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND header "std::string_view ${name}() noexcept;  // ${size} bytes\n")
  string(APPEND source "namespace {\nconst unsigned char ${name}_bytes[] = {${bytes}0};\n}\n"
    "std::string_view ${name}() noexcept {\n"
    "  return {reinterpret_cast<const char*>(${name}_bytes), sizeof(${name}_bytes) - 1};\n}\n")
endforeach()
file(WRITE "${BASE}.h" "${header}}  // namespace bh::embedded::${scope}\n")
file(WRITE "${BASE}.cpp" "${source}}  // namespace bh::embedded::${scope}\n")
