#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace convergia::client {

// Reorders the arguments of a command line so that `app` parses texts as texts. The argument after
// `send NAME` and `meta set KEY` is text, whatever it begins with, as in
// `send bob "--help is out"`. After "--" all arguments are texts. All others stay as they are.
std::vector<std::string> WithTextMarked(const CLI::App& app, std::vector<std::string> arguments);

// The first option that wants a value and has an empty one, as in "--profile=" from a script with
// an unset variable; empty if there is none. The parser would take the next argument for the value.
std::string OptionWithoutValue(const CLI::App& app, const std::vector<std::string>& arguments);

// The first argument with -h among other letters, as in "-lh"; empty if there is none. For the
// parser it would ask for the help.
std::string HelpAmongFlags(const CLI::App& app, const std::vector<std::string>& arguments);

}  // namespace convergia::client
