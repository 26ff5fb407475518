// The escalation service as a program of its own.
#include "services/runtime/program/service_main.h"

int main(int argc, char** argv) {
  return gridledger::host::ServiceMain({.name = "escalation",
                                        .what = "Decides, as time passes, on warning lights, "
                                                "missed deadlines and the ladder of authority."},
                                       argc, argv);
}
