// The metrics service as a program of its own.
#include "services/runtime/program/service_main.h"

int main(int argc, char** argv) {
  return gridledger::host::ServiceMain({.name = "metrics",
                                        .what = "Keeps the counts behind every rate, per category, "
                                                "unit, area and hour. Decides nothing."},
                                       argc, argv);
}
