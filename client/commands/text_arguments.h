#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace convergia::client {

// The arguments of a command line, so ordered that `app` takes texts for texts: after `send NAME`
// and `meta set KEY`, what begins with "-" and is no option that there is belongs to the person's
// text, as in `send bob "-host db1 is down"`. All other arguments stay as they are.
std::vector<std::string> WithTextMarked(const CLI::App& app, std::vector<std::string> arguments);

}  // namespace convergia::client
