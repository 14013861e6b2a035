// The composition root: hands the lists of suites, subjects, commands and writers to run_cli.
#include "harness/cli/commands.h"
#include "harness/cli/run.h"
#include "reports/writers.h"
#include "suites/registry.h"
#include "suites/subjects/subjects.h"

int main(int argc, char** argv) {
  const bh::harness::App app{bh::suites::suites(), bh::suites::subjects(), bh::harness::commands(),
                             bh::reports::writers()};
  return bh::harness::run_cli(app, argc, argv);
}
