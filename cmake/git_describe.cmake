# Run at every build: writes OUTPUT with what git says about the source tree, touching it only where that has changed.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --tags --abbrev=12
  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(described "")
endif()
set(text "#pragma once\n#define BH_GIT_DESCRIBE \"${described}\"\n")
set(old "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} old)
endif()
if(NOT old STREQUAL text)
  file(WRITE ${OUTPUT} "${text}")
endif()
