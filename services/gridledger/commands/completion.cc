// gridledger completion: a shell's script that completes commands, options and their values.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>

#include <string>
#include <vector>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/commands/command_tree.h"

namespace gridledger::cli {
namespace {

// ---- bash

// How a value is completed: the arguments of compgen. Empty for what only its author knows.
std::string Compgen(const OptionForm& option) {
  if (!option.choices.empty()) {
    return absl::StrCat("-W '", absl::StrJoin(option.choices, " "), "'");
  }
  if (option.takes_file) return "-f";
  return option.takes_folder ? "-d" : "";
}

std::vector<std::string> Words(const std::vector<CommandForm>& commands) {
  std::vector<std::string> words;
  for (const CommandForm& command : commands) words.push_back(command.word());
  return words;
}

// The names and values of one command, as variables of the script.
void AppendBashCommand(const CommandForm& command, std::string* out) {
  std::vector<std::string> names;
  std::vector<std::string> valued;
  for (const OptionForm& option : command.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
    if (!option.value.empty()) {
      valued.insert(valued.end(), option.names.begin(), option.names.end());
    }
  }
  absl::StrAppend(out, "    '", command.name, "')\n      options='", absl::StrJoin(names, " "),
                  "'\n      valued=' ", absl::StrJoin(valued, " "), " '\n");
  if (!command.commands.empty()) {
    const std::string nested = absl::StrJoin(Words(command.commands), " ");
    absl::StrAppend(out, "      nested=' ", nested, " '\n      places=(\"-W '", nested,
                    "'\")\n      ;;\n");
    return;
  }
  if (command.places.empty()) {
    absl::StrAppend(out, "      ;;\n");
    return;
  }
  absl::StrAppend(out, "      places=(");
  for (const OptionForm& place : command.places) {
    absl::StrAppend(out, &place == &command.places.front() ? "" : " ", "\"", Compgen(place), "\"");
  }
  absl::StrAppend(out, ")\n      repeats=", command.places.back().repeats ? "yes" : "no",
                  "\n      ;;\n");
}

std::string BashScript(const CommandForm& program, const std::vector<CommandForm>& commands) {
  const std::string names = absl::StrJoin(Words(commands), " ");
  const std::vector<CommandForm> all = Flat(commands);
  std::string out = absl::StrCat(
      "# Completion of gridledger for bash. Made by `gridledger completion bash`.\n"
      "_gridledger_of() {\n"
      "  options='' valued='' nested='' places=() repeats=no\n"
      "  case $1 in\n"
      "    '')\n      options='",
      absl::StrJoin(program.options.front().names, " "), "'\n      nested=' ", names,
      " '\n      places=(\"-W '", names, "'\")\n      ;;\n");
  for (const CommandForm& command : all) AppendBashCommand(command, &out);
  absl::StrAppend(&out,
                  "  esac\n"
                  "}\n"
                  "\n"
                  "# How the value of option $2 of command $1 is completed.\n"
                  "_gridledger_value() {\n"
                  "  case \"$1 $2\" in\n");
  for (const CommandForm& command : all) {
    for (const OptionForm& option : command.options) {
      const std::string how = Compgen(option);
      if (how.empty()) continue;
      for (const std::string& name : option.names) {
        absl::StrAppend(&out, "    '", command.name, " ", name, "') echo \"", how, "\" ;;\n");
      }
    }
  }
  absl::StrAppend(
      &out,
      "  esac\n"
      "}\n"
      "\n"
      "_gridledger() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local command='' options valued nested places repeats place=0 how='' i word\n"
      "  # --name=value is three words.\n"
      "  [[ $prev = '=' ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
      "  [[ $cur = '=' ]] && cur=''\n"
      "  _gridledger_of ''\n"
      "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
      "    word=${COMP_WORDS[i]}\n"
      "    if [[ $word = -?* ]]; then\n"
      "      if [[ $valued = *\" $word \"* ]]; then\n"
      "        [[ ${COMP_WORDS[i+1]} = '=' ]] && ((++i))\n"
      "        ((++i))\n"
      "      fi\n"
      "    elif [[ -z $command || $nested = *\" $word \"* ]]; then\n"
      "      command=${command:+$command }$word\n"
      "      _gridledger_of \"$command\"\n"
      "    else\n"
      "      ((++place))\n"
      "    fi\n"
      "  done\n"
      "  COMPREPLY=()\n"
      "  if [[ $valued = *\" $prev \"* ]]; then\n"
      "    how=$(_gridledger_value \"$command\" \"$prev\")\n"
      "  elif [[ $cur = -* ]]; then\n"
      "    how=\"-W '$options'\"\n"
      "  else\n"
      "    [[ $repeats = yes && $place -ge ${#places[@]} ]] && place=$((${#places[@]} - 1))\n"
      "    how=${places[place]:-}\n"
      "  fi\n"
      "  [[ -n $how ]] || return 0\n"
      "  [[ $how = -[df] ]] && compopt -o filenames 2>/dev/null\n"
      "  mapfile -t COMPREPLY < <(eval \"compgen $how\" -- '\"$cur\"')\n"
      "}\n"
      "complete -F _gridledger gridledger\n");
  return out;
}

// ---- zsh

// Within '…' of a specification: of a description, which ends with ].
std::string InBrackets(const std::string& text) {
  return absl::StrReplaceAll(
      text, {{"\\", "\\\\"}, {"[", "\\["}, {"]", "\\]"}, {"'", "'\\''"}, {":", "\\:"}});
}

std::string Action(const OptionForm& option) {
  if (!option.choices.empty()) return absl::StrCat("(", absl::StrJoin(option.choices, " "), ")");
  if (option.takes_file) return "_files";
  return option.takes_folder ? "_files -/" : "";
}

void AppendZshOptions(const CommandForm& command, absl::string_view begin, std::string* out) {
  for (const OptionForm& option : command.options) {
    const std::string argument =
        option.value.empty() ? ""
                             : absl::StrCat(":", InBrackets(option.value), ":", Action(option));
    for (const std::string& name : option.names) {
      // Of two names either stands once.
      const std::string excluded =
          option.names.size() > 1 ? absl::StrCat("(", absl::StrJoin(option.names, " "), ")") : "";
      absl::StrAppend(out, begin, "'", option.repeats ? "*" : excluded, name,
                      option.value.empty() ? "" : "=", "[", InBrackets(option.said), "]", argument,
                      "'");
    }
  }
}

// "_gridledger_mapping"
std::string ZshName(const CommandForm& command) {
  return absl::StrCat("_gridledger_", absl::StrReplaceAll(command.name, {{" ", "_"}, {"-", "_"}}));
}

void AppendZshCommand(const CommandForm& command, std::string* out) {
  constexpr absl::string_view kBegin = " \\\n            ";
  absl::StrAppend(out, "        ", command.word(), ")\n          ");
  if (!command.commands.empty()) {
    absl::StrAppend(out, ZshName(command), "\n          ;;\n");
    return;
  }
  absl::StrAppend(out, "_arguments");
  AppendZshOptions(command, kBegin, out);
  int number = 0;
  for (const OptionForm& place : command.places) {
    absl::StrAppend(out, kBegin, "'", place.repeats ? "*" : absl::StrCat(++number), ":",
                    InBrackets(place.value), ":", Action(place), "'");
  }
  absl::StrAppend(out, "\n          ;;\n");
}

// The function that completes what stands behind a command's own name, those nested in it first.
void AppendZshFunction(const std::string& name, const CommandForm& form,
                       const std::vector<CommandForm>& commands, std::string* out) {
  for (const CommandForm& command : commands) {
    if (command.commands.empty()) continue;
    AppendZshFunction(ZshName(command), command, command.commands, out);
  }
  absl::StrAppend(out, name,
                  "() {\n"
                  "  local context state state_descr line\n"
                  "  typeset -A opt_args\n"
                  "  local -a commands=(\n");
  for (const CommandForm& command : commands) {
    absl::StrAppend(out, "    '", InBrackets(command.word()), ":", InBrackets(command.said), "'\n");
  }
  absl::StrAppend(out, "  )\n  _arguments -C");
  AppendZshOptions(form, " ", out);
  absl::StrAppend(out,
                  " '1:command:->command' '*::argument:->argument'\n"
                  "  case $state in\n"
                  "    command) _describe -t commands command commands ;;\n"
                  "    argument)\n"
                  "      case $words[1] in\n");
  for (const CommandForm& command : commands) AppendZshCommand(command, out);
  absl::StrAppend(out,
                  "      esac\n"
                  "      ;;\n"
                  "  esac\n"
                  "}\n");
}

std::string ZshScript(const CommandForm& program, const std::vector<CommandForm>& commands) {
  std::string out =
      "#compdef gridledger\n"
      "# Completion of gridledger for zsh. Made by `gridledger completion zsh`.\n";
  AppendZshFunction("_gridledger", program, commands, &out);
  absl::StrAppend(&out,
                  "# Read by the shell itself, or found by it as a function.\n"
                  "if [[ $funcstack[1] = _gridledger ]]; then\n"
                  "  _gridledger \"$@\"\n"
                  "else\n"
                  "  compdef _gridledger gridledger\n"
                  "fi\n");
  return out;
}

}  // namespace

void AddCompletion(CLI::App& app, Command* chosen) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = AddBareCommand(
      app,
      {.name = "completion",
       .summary = "A script that completes this command line in bash or zsh",
       .examples = "  source <(gridledger completion bash)       in ~/.bashrc\n"
                   "  source <(gridledger completion zsh)        in ~/.zshrc, after compinit\n"
                   "\n"
                   "For everybody on a machine: bash into "
                   "/usr/share/bash-completion/completions/gridledger,\n"
                   "zsh into a folder of $fpath as _gridledger.\n"},
      chosen, [&app, shell] {
        const std::vector<CommandForm> commands = CommandForms(app);
        const CommandForm program = ProgramForm(app);
        return WriteOut(*shell == "bash" ? BashScript(program, commands)
                                         : ZshScript(program, commands));
      });
  command->add_option("shell", *shell, "bash or zsh")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
}

}  // namespace gridledger::cli
