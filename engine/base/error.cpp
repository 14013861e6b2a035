#include "engine/base/error.h"

namespace bh {

void assertion_failed(const char* expression, const char* file, int line) {
  fail(ErrorKind::internal, "{}:{}: this should always hold: {}; please report it with the command line", file, line,
       expression);
}

}  // namespace bh
