#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace convergia::client {

// Reorders the arguments of a command line so that `app` parses texts as texts. After `send NAME`
// and `meta set KEY`, an argument that begins with "-" and is not a known option is text, as in
// `send bob "-host db1 is down"`. All other arguments stay as they are.
std::vector<std::string> WithTextMarked(const CLI::App& app, std::vector<std::string> arguments);

// The first argument with -h among other letters, as in "-lh"; empty if there is none. For the
// parser it would ask for the help.
std::string HelpAmongFlags(const CLI::App& app, const std::vector<std::string>& arguments);

}  // namespace convergia::client
