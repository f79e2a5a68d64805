#include "client/command_line/command.h"

#include <CLI/CLI.hpp>
#include <utility>

namespace convergia::client {
namespace {

constexpr int kPositiveMax = 1'000'000'000;

}  // namespace

Option Option::Required() { return Option(option_->required()); }
Option Option::Expects(int least, int most) { return Option(option_->expected(least, most)); }
Option Option::OneOf(const std::vector<std::string>& values) {
  return Option(option_->check(CLI::IsMember(values)));
}
Option Option::Positive() {
  // CLI::PositiveNumber prints the largest double in its error.
  return Option(option_->check(CLI::Range(1, kPositiveMax)));
}
Option Option::Excludes(const Option& other) { return Option(option_->excludes(other.option_)); }
Option Option::ShowsDefault() { return Option(option_->capture_default_str()); }
bool Option::is_given() const { return option_->count() > 0; }

Command Command::AddCommand(const std::string& name, const std::string& help) {
  return Command(app_->add_subcommand(name, help));
}
void Command::RequiresCommand() { app_->require_subcommand(1); }

Option Command::AddOption(const std::string& names, std::string& value, const std::string& help) {
  return Option(app_->add_option(names, value, help));
}
Option Command::AddOption(const std::string& names, std::vector<std::string>& values,
                          const std::string& help) {
  return Option(app_->add_option(names, values, help));
}
Option Command::AddOption(const std::string& names, uint64_t& value, const std::string& help) {
  return Option(app_->add_option(names, value, help));
}
Option Command::AddFlag(const std::string& names, bool& value, const std::string& help) {
  return Option(app_->add_flag(names, value, help));
}

void Command::SetFooter(const std::string& text) { app_->footer(text); }
void Command::OnParsed(std::function<void()> callback) { app_->callback(std::move(callback)); }

}  // namespace convergia::client
