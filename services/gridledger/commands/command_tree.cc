#include "services/gridledger/commands/command_tree.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include <utility>

namespace gridledger::cli {
namespace {

// What stands between the two; empty when they do not.
std::string Between(const std::string& text, const std::string& open, const std::string& close) {
  const size_t from = text.find(open);
  if (from == std::string::npos) return "";
  const size_t to = text.find(close, from);
  if (to == std::string::npos) return "";
  return text.substr(from + open.size(), to - from - open.size());
}

OptionForm FormOf(const CLI::Option& option) {
  OptionForm form;
  for (const std::string& name : option.get_snames()) form.names.push_back(absl::StrCat("-", name));
  for (const std::string& name : option.get_lnames())
    form.names.push_back(absl::StrCat("--", name));
  // "FORM:{csv,jsonl}", "INT:INT in [1 - 4096]": the type, then what is checked.
  const std::string type = option.get_type_name();
  const std::string kind = type.substr(0, type.find(':'));
  const bool is_flag = option.get_items_expected_max() == 0;
  if (!is_flag) form.value = kind.empty() ? "VALUE" : kind;
  if (option.get_positional()) form.value = option.get_name(true);
  const std::string choices = Between(type, "{", "}");
  if (!choices.empty()) form.choices = absl::StrSplit(choices, ',');
  form.range = Between(type, " in [", "]");
  form.said = option.get_description();
  form.by_default = option.get_default_str();
  form.environment = option.get_envname();
  form.required = option.get_required();
  form.repeats = option.get_items_expected_max() > 1;
  form.takes_file = kind == "FILE";
  form.takes_folder = kind == "DIR";
  return form;
}

std::vector<CommandForm> NestedIn(const CLI::App& app, const std::string& before) {
  std::vector<CommandForm> forms;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    CommandForm form = ProgramForm(*command);
    form.name = absl::StrCat(before, form.name);
    if (form.footer == app.get_footer()) form.footer.clear();
    form.commands = NestedIn(*command, absl::StrCat(form.name, " "));
    forms.push_back(std::move(form));
  }
  return forms;
}

}  // namespace

CommandForm ProgramForm(const CLI::App& app) {
  CommandForm form;
  form.name = app.get_name();
  form.said = app.get_description();
  form.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    (option->get_positional() ? form.places : form.options).push_back(FormOf(*option));
  }
  return form;
}

std::vector<CommandForm> CommandForms(const CLI::App& app) { return NestedIn(app, ""); }

std::vector<CommandForm> Flat(const std::vector<CommandForm>& commands) {
  std::vector<CommandForm> flat;
  for (const CommandForm& command : commands) {
    flat.push_back(command);
    for (CommandForm& nested : Flat(command.commands)) flat.push_back(std::move(nested));
  }
  return flat;
}

}  // namespace gridledger::cli
