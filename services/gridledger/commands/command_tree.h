// The command line as it describes itself, taken from CLI11's own tree: what completion and the
// manual are made of, so that neither can say something else than the program does.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace gridledger::cli {

struct OptionForm {
  std::vector<std::string> names;    // "-h", "--help"; none: it has a place instead
  std::string value;                 // "DIR"; of a place its name; empty for a flag
  std::vector<std::string> choices;  // where only these are taken
  std::string range;                 // "1 - 4096", where there is one
  std::string said;
  std::string by_default;
  std::string environment;  // the variable that stands for it
  bool required = false;
  bool repeats = false;
  bool takes_file = false;
  bool takes_folder = false;
};

struct CommandForm {
  std::string name;  // with those of the commands that it is nested in: "mapping check"
  std::string said;
  std::vector<OptionForm> options;
  std::vector<OptionForm> places;     // in their order
  std::string footer;                 // empty where it is that of the command that it is nested in
  std::vector<CommandForm> commands;  // nested in it, in the order of --help

  // "check" of "mapping check".
  std::string word() const { return name.substr(name.rfind(' ') + 1); }
};

// The program itself: its name, its own options.
CommandForm ProgramForm(const CLI::App& app);
// In the order of --help, with those nested in them.
std::vector<CommandForm> CommandForms(const CLI::App& app);
// All in one row, each before those nested in it.
std::vector<CommandForm> Flat(const std::vector<CommandForm>& commands);

}  // namespace gridledger::cli
