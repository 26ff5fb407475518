// The dispatch service as a program of its own.
#include "services/runtime/program/service_main.h"

int main(int argc, char** argv) {
  return gridledger::host::ServiceMain(
      {.name = "dispatch",
       .what = "Decides which unit answers for a case and which of its members on duty takes it."},
      argc, argv);
}
