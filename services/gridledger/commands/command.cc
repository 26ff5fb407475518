#include "services/gridledger/commands/command.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "services/runtime/console/stop_flag.h"
#include "services/runtime/host/exit_code.h"

namespace gridledger::cli {

CLI::App* AddBareCommand(CLI::App& app, const Teaching& teaching, Command* chosen, Command run) {
  CLI::App* command = app.add_subcommand(teaching.name, teaching.summary);
  command->footer(absl::StrCat("Examples:\n", teaching.examples, "\n", host::kExitCodes));
  command->callback([chosen, run = std::move(run)] { *chosen = run; });
  return command;
}

CLI::App* AddCommand(CLI::App& app, const Teaching& teaching, CommonOptions* options,
                     Command* chosen, Command run) {
  CLI::App* command = AddBareCommand(app, teaching, chosen,
                                     [options, run = std::move(run), needs = teaching.needs_ledger,
                                      stops_itself = teaching.stops_itself] {
                                       const absl::Status status =
                                           needs ? options->Resolve() : absl::OkStatus();
                                       if (!status.ok() || stops_itself)
                                         return status.ok() ? run() : status;
                                       const StopFlag stop;
                                       options->stop = &stop;
                                       return run();
                                     });
  command->add_option("--data", options->data, "The data folder, as made by import, simulate or up")
      ->type_name("DIR")
      ->envname("GRIDLEDGER_DATA_FOLDER");
  command
      ->add_option("--log", options->log,
                   "Another ledger: kafka:HOST:PORT[,HOST:PORT]/PREFIX; local:DIR is --data DIR")
      ->type_name("LOG")
      ->envname("GRIDLEDGER_LOG");
  command
      ->add_option("--kafka", options->kafka,
                   "A property of librdkafka, e.g. security.protocol=SASL_SSL; may be repeated")
      ->type_name("NAME=VALUE")
      ->envname("GRIDLEDGER_KAFKA")
      ->take_all();
  command
      ->add_option("--kafka-properties", options->kafka_properties,
                   "A file of such properties, one a line: the place for passwords")
      ->type_name("FILE")
      ->envname("GRIDLEDGER_KAFKA_PROPERTIES");
  command
      ->add_option("--state", options->state,
                   "With a cluster: a service's state folder, to begin at its checkpoints")
      ->type_name("DIR")
      ->envname("GRIDLEDGER_STATE");
  command->add_flag("--json", options->json, "Print JSON for scripts instead of text for people");
  command->add_option("--memory", options->memory, "The one memory limit, e.g. 512MiB or 2GiB")
      ->type_name("SIZE")
      ->envname("GRIDLEDGER_MEMORY")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Threads; 0 is one for each core")
      ->type_name("N")
      ->envname("GRIDLEDGER_THREADS")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  return command;
}

}  // namespace gridledger::cli
