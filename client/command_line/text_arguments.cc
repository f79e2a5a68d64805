#include "client/command_line/text_arguments.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace convergia::client {
namespace {

// The option of `app` or its parents with exactly this name; null if there is none.
const CLI::Option* OptionOf(const CLI::App* app, const std::string& argument) {
  if (!absl::StartsWith(argument, "-") || argument == "-") return nullptr;
  const std::string name = argument.substr(0, argument.find('='));
  for (; app != nullptr; app = app->get_parent()) {
    const CLI::Option* const option = app->get_option_no_throw(name);
    // "--flag=no way" is not an option: a flag has no value.
    const bool fits = option != nullptr &&
                      (name.size() == argument.size() || option->get_items_expected_max() > 0);
    if (fits) return option;
  }
  return nullptr;
}

bool TakesNext(const CLI::Option& option, const std::string& argument) {
  return option.get_items_expected_max() > 0 && !absl::StrContains(argument, "=");
}

// The command of `app` with this name; null if there is none.
const CLI::App* CommandOf(const CLI::App& app, const std::string& name) {
  const std::vector<const CLI::App*> commands = app.get_subcommands({});
  const auto found = std::find_if(commands.begin(), commands.end(),
                                  [&](const CLI::App* one) { return one->get_name() == name; });
  return found == commands.end() ? nullptr : *found;
}

bool EndsInText(const CLI::App& app) {
  const bool is_set = app.get_name() == "set" && app.get_parent() != nullptr &&
                      app.get_parent()->get_name() == "meta";
  return app.get_name() == "send" ? app.get_parent()->get_name() != "mail" : is_set;
}

}  // namespace

std::vector<std::string> WithTextMarked(const CLI::App& app, std::vector<std::string> arguments) {
  const CLI::App* command = &app;
  std::vector<std::string> options, positionals;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const bool is_text = positionals.size() == 1 && argument != "--";
    if (is_text) {
      positionals.push_back(argument);
      continue;
    }
    if (const CLI::Option* option = OptionOf(command, argument)) {
      options.push_back(argument);
      if (TakesNext(*option, argument) && i + 1 < arguments.size()) {
        options.push_back(arguments[++i]);
      }
      continue;
    }
    if (!command->get_subcommands({}).empty()) {
      command = CommandOf(*command, argument);
      if (command == nullptr) return arguments;  // A mistake that the parser reports.
      options.push_back(argument);
      continue;
    }
    if (!EndsInText(*command)) return arguments;
    if (argument == "--") {
      positionals.insert(positionals.end(), arguments.begin() + i + 1, arguments.end());
      break;
    }
    const bool is_mistake = absl::StartsWith(argument, "-") && argument != "-";
    if (is_mistake && positionals.empty()) return arguments;
    positionals.push_back(argument);
  }
  if (positionals.empty()) return arguments;
  options.push_back("--");
  options.insert(options.end(), positionals.begin(), positionals.end());
  return options;
}

std::string OptionWithoutValue(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* command = &app;
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::string& argument = arguments[i];
    if (const CLI::Option* const option = OptionOf(command, argument)) {
      if (TakesNext(*option, argument)) ++i;
      if (argument.find('=') == argument.size() - 1) return argument;
    } else if (const CLI::App* const next = CommandOf(*command, argument)) {
      command = next;
    }
  }
  return "";
}

std::string HelpAmongFlags(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* command = &app;
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::string& argument = arguments[i];
    if (const CLI::Option* option = OptionOf(command, argument)) {
      if (TakesNext(*option, argument)) ++i;
      continue;
    }
    if (const CLI::App* const next = CommandOf(*command, argument)) command = next;
    if (!absl::StartsWith(argument, "-") || absl::StartsWith(argument, "--")) continue;
    for (size_t letter = 1; letter < argument.size(); ++letter) {
      const CLI::Option* option = OptionOf(command, {'-', argument[letter]});
      // The rest is the option's value, or a mistake that the parser reports.
      if (option == nullptr || option->get_items_expected_max() > 0) break;
      if (argument[letter] == 'h') return argument;
    }
  }
  return "";
}

}  // namespace convergia::client
