// The test binaries' main: Catch2's own, built once, and what only the build knows.
#include "tests/support/paths.h"

namespace bh::test {

const char* const kSourceDir = BH_SOURCE_DIR;
const char* const kBinary = BH_BINARY;

}  // namespace bh::test

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_session.hpp>
int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
#else
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
