#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

// The parts of a command line, declared without the headers of its parser: they take seconds to
// compile. Both classes are handles of objects that the program's CLI::App owns, and are copied
// freely while that exists. Used by one thread.
namespace convergia::client {

// An option, a flag, or a positional argument. Each function adds a rule and returns the same
// option.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option Required();
  // Takes between `least` and `most` values.
  Option Expects(int least, int most);
  Option OneOf(const std::vector<std::string>& values);
  // A whole number from 1 to a billion.
  Option Positive();
  // May not be given together with `other`.
  Option Excludes(const Option& other);
  // The help shows the value that the variable has now.
  Option ShowsDefault();

  // Whether the command line has it. To be called after parsing.
  bool is_given() const;

 private:
  CLI::Option* option_;
};

// The program, or one of its commands.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  Command AddCommand(const std::string& name, const std::string& help);
  // One of its commands must follow.
  void RequiresCommand();

  // `names` is "-f,--file", or a plain name for a positional argument. Parsing sets the variable,
  // which must outlive the program's CLI::App.
  Option AddOption(const std::string& names, std::string& value, const std::string& help);
  Option AddOption(const std::string& names, std::vector<std::string>& values,
                   const std::string& help);
  Option AddOption(const std::string& names, uint64_t& value, const std::string& help);
  // The same for an option without a value.
  Option AddFlag(const std::string& names, bool& value, const std::string& help);

  // Text below the options in the help.
  void SetFooter(const std::string& text);
  // Calls `callback` if this command was given, when all variables are set.
  void OnParsed(std::function<void()> callback);

 private:
  CLI::App* app_;
};

}  // namespace convergia::client
