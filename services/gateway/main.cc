// The gateway as a program of its own, beside a cluster: any number of them may stand side by side.
#include "services/gateway/gateway.h"
#include "services/runtime/host/log_lines.h"
#include "services/runtime/program/service_main.h"

int main(int argc, char** argv) {
  using gridledger::host::Log;
  gridledger::gateway::GatewaySettings settings;
  settings.said = [](absl::string_view text) {
    Log(gridledger::host::LogLevel::kWarning, "gateway", std::string(text), {});
  };
  const auto gateway = gridledger::gateway::MakeGateway(&settings);
  gridledger::host::ServiceProgram program;
  program.name = "gateway";
  program.what =
      "Answers for the city over HTTP: takes reports and facts in, and shows what became of them.";
  program.front = gateway.get();
  program.add_options = [&settings](CLI::App& app) {
    app.add_option(
           "--access", settings.access_folder,
           "The folder of people and keys (gridledger users, keys); default: that of --state")
        ->type_name("DIR");
    app.add_flag("!--no-public-reads", settings.public_reads,
                 "Without a key or a session nothing is shown");
    app.add_flag("!--no-public-reports", settings.public_reports,
                 "Without a key or a session nothing is taken in");
    app.add_option(
           "--jurisdiction", settings.jurisdictions,
           "A jurisdiction_id by which clients of Open311 may call this city; can be repeated")
        ->type_name("ID")
        ->allow_extra_args(false);
    app.add_option("--tls-certificate", settings.certificate_file,
                   "A PEM file of the certificate and its chain; read again on SIGHUP")
        ->type_name("FILE");
    app.add_option("--tls-key", settings.key_file, "The PEM file of its key")->type_name("FILE");
  };
  const gridledger::engine::Service service{gridledger::ServiceName("gateway"), 1, nullptr};
  return gridledger::host::ServiceMain(program, service, argc, argv);
}
