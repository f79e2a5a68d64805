#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace convergia::client {

// Reorders the arguments of a command line so that `app` parses texts as texts. For `send` and
// `meta set` it puts the command and the options first, then "--", then NAME or KEY and the text.
// The argument after NAME or KEY is text, whatever it begins with: `send bob "--help is out"`.
// After "--" all arguments are texts. The arguments of other commands stay as they are.
std::vector<std::string> WithTextMarked(const CLI::App& app, std::vector<std::string> arguments);

// The first option that wants a value and has an empty one; empty if there is none. An example is
// "--profile=" from a script with an unset variable. The parser would take the next argument for
// the value. `arguments` come from WithTextMarked().
std::string OptionWithoutValue(const CLI::App& app, const std::vector<std::string>& arguments);

// The first argument with -h among other letters, as in "-lh"; empty if there is none. The parser
// would take it as a request for the help. `arguments` come from WithTextMarked().
std::string HelpAmongFlags(const CLI::App& app, const std::vector<std::string>& arguments);

}  // namespace convergia::client
