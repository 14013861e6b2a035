# Shared compile options and the two helpers every folder uses.

# Bits must not depend on the compiler's taste: no contraction, fma only where it is written (ARCHITECTURE.md, One answer).
add_library(bh_options INTERFACE)
target_include_directories(bh_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_options(bh_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -ffp-contract=off
  -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
if(BH_WERROR)
  target_compile_options(bh_options INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION MATCHES "^13\\.")
  target_compile_options(bh_options INTERFACE -Wno-dangling-reference)  # false alarms; GCC 14 took it out of -Wall
endif()
if(BH_SANITIZE)
  target_compile_options(bh_options INTERFACE -fsanitize=${BH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(bh_options INTERFACE -fsanitize=${BH_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 raises false alarms in std::function and std::regex once the sanitizers' code stands between.
    target_compile_options(bh_options INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
if(BH_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "BH_FUZZ needs clang, not ${CMAKE_CXX_COMPILER_ID}: use the preset fuzz, or scripts/fuzz")
  endif()
  # libFuzzer is led by its own counters; llvm-cov tells people afterwards which lines were reached.
  target_compile_options(bh_options INTERFACE -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(bh_options INTERFACE -fsanitize=fuzzer-no-link -fprofile-instr-generate)
endif()

# bh_precompile(TARGET): what nearly every source includes is read once for all of them; bh_base owns it. A compiler cache
# does better without: it cannot share what depends on where a precompiled header lies.
function(bh_precompile target)
  if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache")
    return()
  endif()
  if(target STREQUAL "bh_base")
    target_precompile_headers(bh_base PRIVATE <algorithm> <filesystem> <functional> <map> <memory> <optional> <span> <string>
      <vector> ${PROJECT_SOURCE_DIR}/engine/base/error.h ${PROJECT_SOURCE_DIR}/engine/base/json.h)
  else()
    target_precompile_headers(${target} REUSE_FROM bh_base)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC no longer knows then that the code of std::string is not ours, and raises false alarms in it (GCC bug 105651).
    target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
endfunction()

# bh_library(NAME SOURCES ... [LINK ...] [TESTS ...]): one static library per folder; its tests go into bh_tests.
function(bh_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;TESTS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC bh_options ${arg_LINK})
  bh_precompile(${name})
  if(BH_BUILD_TESTS AND arg_TESTS)
    list(TRANSFORM arg_TESTS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    target_sources(bh_tests PRIVATE ${arg_TESTS})
    target_link_libraries(bh_tests PRIVATE ${name})
  endif()
endfunction()

# All headers that the build writes: what a tool that only reads the sources (clang-tidy) has to have built.
add_custom_target(bh_generated)

# bh_embed(TARGET FILE...): compiles the bytes of each file into TARGET. Its sources include "generated/TARGET.h" and call
# bh::embedded::acceptance::criteria_json() for suites/acceptance/criteria.json, a std::string_view.
function(bh_embed target)
  set(base ${PROJECT_BINARY_DIR}/generated/${target})
  set(paths "")
  foreach(file IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    list(APPEND paths ${file})
  endforeach()
  add_custom_command(OUTPUT ${base}.h ${base}.cpp
    COMMAND ${CMAKE_COMMAND} "-DTARGET=${target}" "-DBASE=${base}" "-DFILES=${paths}" -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${paths} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    COMMENT "Embedding data into ${target}" VERBATIM)
  target_sources(${target} PRIVATE ${base}.cpp ${base}.h)
  add_custom_target(${target}_embedded DEPENDS ${base}.h)
  add_dependencies(bh_generated ${target}_embedded)
endfunction()
