// Where this build's source tree and binary lie. Known to tests/main.cpp alone, so that all other objects are the same
// wherever the tree stands and a compiler cache can share them.
#pragma once

namespace bh::test {

extern const char* const kSourceDir;
extern const char* const kBinary;

}  // namespace bh::test
