// The audit service as a program of its own.
#include "services/runtime/program/service_main.h"

int main(int argc, char** argv) {
  return gridledger::host::ServiceMain(
      {.name = "audit",
       .what = "Keeps what was said about each incident and what became of it. Decides nothing.\n"
               "On a cluster it parks the records that nobody could read in "
               "PREFIX.dead-letters.v1.",
       .parks_dead_letters = true},
      argc, argv);
}
