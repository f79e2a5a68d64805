// meta: values that users publish about themselves.

#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/commands/commands.h"
#include "client/commands/stored.h"
#include "client/files/storage.h"
#include "client/files/transfer.h"
#include "client/output/format.h"
#include "client/output/stored_json.h"
#include "client/output/table.h"
#include "client/output/text.h"
#include "common/base/status_macros.h"

namespace convergia::client {
namespace {

struct Arguments {
  std::string key;
  std::string value;
  std::string user;
  bool json = false;
};

// The user whose values are meant; without a name, the signed-in user.
absl::StatusOr<std::string> Whose(CommandContext& context, const Arguments& arguments) {
  if (!arguments.user.empty()) return arguments.user;
  return context.User();
}

// The error about a key. In quotes, since many keys are words that a sentence has, too.
absl::Status AboutKey(const std::string& key, const absl::Status& status) {
  return About(absl::StrCat("\"", key, "\""), status);
}

absl::Status Set(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  return AboutKey(arguments.key, Metadata(client.get()).Set(arguments.key, arguments.value));
}

absl::Status Get(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  CVG_ASSIGN_OR_RETURN(const std::string user, Whose(context, arguments));
  const auto value = Metadata(client.get()).Get(user, arguments.key);
  if (!value.ok()) return AboutKey(arguments.key, value.status());
  std::cout << ForOutput(*value) << std::endl;
  return absl::OkStatus();
}

absl::Status List(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  CVG_ASSIGN_OR_RETURN(const std::string user, Whose(context, arguments));
  CVG_ASSIGN_OR_RETURN(const auto entries, Metadata(client.get()).List(user));
  if (arguments.json) {
    Print(JsonOf(entries));
    return absl::OkStatus();
  }
  Table table({{"KEY"}, {"SIZE", Table::Align::kRight}});
  for (const MetadataEntry& entry : entries) table.Add({entry.key, FormatBytes(entry.bytes)});
  Print(table);
  return absl::OkStatus();
}

absl::Status Delete(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(const auto client, ConnectToStorage(context));
  return AboutKey(arguments.key, Metadata(client.get()).Delete(arguments.key));
}

}  // namespace

void AddMetaCommands(Command program, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  Command meta = program.AddCommand("meta", "Values that people publish about themselves");
  meta.RequiresCommand();
  const auto run = [line, arguments](auto command) {
    line->run = [arguments, command](CommandContext& context) {
      return command(context, *arguments);
    };
  };

  Command set =
      meta.AddCommand("set", "Publish a value about yourself; everybody signed in can read it");
  set.AddOption("key", arguments->key, "Its key").Required();
  set.AddOption("value", arguments->value, "The value").Required();
  set.SetFooter(
      "The argument after KEY is the value, also if it begins with a dash: options stand before\n"
      "KEY, or after VALUE.");
  set.OnParsed([run] { run(&Set); });

  Command get = meta.AddCommand("get", "Show one value");
  get.AddOption("key", arguments->key, "Its key").Required();
  get.AddOption("user", arguments->user, "Of this user; without a name, of yourself");
  get.OnParsed([run] { run(&Get); });

  Command list = meta.AddCommand("list", "List keys and the sizes of their values");
  list.AddOption("user", arguments->user, "Of this user; without a name, of yourself");
  list.AddFlag("--json", arguments->json, kJsonHelp);
  list.OnParsed([run] { run(&List); });

  Command remove = meta.AddCommand("delete", "Delete a value of yourself");
  remove.AddOption("key", arguments->key, "Its key").Required();
  remove.OnParsed([run] { run(&Delete); });
}

}  // namespace convergia::client
