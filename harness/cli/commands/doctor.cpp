// bitharness doctor: what about this machine stands in the way of figures that mean something.
#include <array>

#include "harness/cli/commands.h"
#include "harness/measure/doctor.h"

namespace bh::harness {

namespace {

constexpr std::array kRows = {
    OptionRow{.name = "output",
              .aliases = "o",
              .kind = OptionKind::text,
              .value_name = "DIR",
              .default_value = ".",
              .help = "where runs will be written"},
    rows::kJson,
};

int run(CommandContext& context) {
  const auto checks = examine_machine(context.options.text("output"));
  if (context.options.flag("json")) {
    context.out << write_json(json::object{{"checks", to_json(checks)}});
  } else {
    context.out << to_text(checks);
  }
  return static_cast<int>(exit_code_of(checks));
}

}  // namespace

const CommandRow kDoctorCommand{"doctor", "Looks for what would spoil a measurement here: load, memory, disk, settings",
                                "", kRows, run};

}  // namespace bh::harness
