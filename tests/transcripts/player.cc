#include "tests/transcripts/player.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "tests/testing/eventually.h"

namespace convergia::testing {
namespace {

constexpr absl::string_view kBarrier = "0.barrier";
constexpr absl::string_view kAwaitBody = "(await)";

std::string WithoutDigitsAtEnd(std::string name) {
  while (!name.empty() && absl::ascii_isdigit(name.back())) name.pop_back();
  return name;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> Player::Play(const Step& step) {
  for (const auto& client : clients_) client->results.clear();
  for (const std::string& command : step.commands) {
    const absl::Status status = RunCommand(command);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat(command, ": ", status.message()));
    }
  }
  std::vector<std::string> results;
  for (const auto& client : clients_) {
    CVG_RETURN_IF_ERROR(Collect(client.get()));
    results.insert(results.end(), client->results.begin(), client->results.end());
  }
  return results;
}

absl::Status Player::RunCommand(const std::string& command) {
  const size_t sends = command.find("> ");
  const std::vector<std::string> words = absl::StrSplit(command, ' ');
  if (words[0] == "close" && words.size() == 2) {
    CVG_ASSIGN_OR_RETURN(Client* const client, Find(words[1]));
    client->line = nullptr;
    return absl::OkStatus();
  }
  if (words[0] == "await" && words.size() == 4 && words[2] == "can") return AwaitStorage(words[1]);
  if (words[0] == "await" && words.size() == 4) return Await(words[1], words[3]);
  if (words.size() == 4 && words[1] == "=" && words[2] == "open") return Open(words[0], words[3]);
  if (words.size() >= 5 && words[1] == "=" && words[2] == "sign") {
    return SignIn(words[0], words[4], words.size() > 5 ? words[5] : WithoutDigitsAtEnd(words[0]));
  }
  if (sends != std::string::npos) return Send(command.substr(0, sends), command.substr(sends + 2));
  return absl::InvalidArgumentError("is no command");
}

absl::Status Player::Open(const std::string& name, const std::string& node) {
  const bool is_open_port = node == "open";
  CVG_ASSIGN_OR_RETURN(const devcluster::Cluster::Node found,
                       cluster_.node(is_open_port ? "mgmt" : node));
  auto client = std::make_unique<Client>();
  client->name = name;
  CVG_ASSIGN_OR_RETURN(client->line,
                       LineClient::Connect(is_open_port ? found.open_line : found.line,
                                           cluster_.operator_files().ca));
  Take(client.get(), absl::StrCat("INFO ", client->line->greeting()));
  clients_.push_back(std::move(client));
  return absl::OkStatus();
}

absl::Status Player::SignIn(const std::string& name, const std::string& node, std::string user) {
  CVG_RETURN_IF_ERROR(Open(name, node));
  Client* const client = clients_.back().get();
  client->results.clear();
  CVG_ASSIGN_OR_RETURN(const std::string answer,
                       client->line->Ask(absl::StrCat("LOGIN ", user, "\npw-", user)));
  return absl::StartsWith(answer, "OK") ? absl::OkStatus() : absl::UnauthenticatedError(answer);
}

absl::Status Player::Await(const std::string& name, const std::string& user) {
  CVG_ASSIGN_OR_RETURN(Client* const client, Find(name));
  absl::StatusOr<std::string> answer;
  const bool reaches = Eventually([&] {
    answer = client->line->Ask(absl::StrCat("SENDMESSAGE ", user, "\n", kAwaitBody));
    return !answer.ok() || absl::StartsWith(*answer, "OK");
  });
  return reaches ? answer.status() : absl::DeadlineExceededError(*answer);
}

absl::Status Player::AwaitStorage(const std::string& name) {
  CVG_ASSIGN_OR_RETURN(Client* const client, Find(name));
  std::string last;
  const auto is_ok = [&](const std::string& request) {
    last = client->line->Ask(request).value_or("no answer");
    return absl::StartsWith(last, "OK") || absl::StartsWith(last, "FAIL EXISTS");
  };
  const bool stores = Eventually([&] {
    return is_ok("CREATEFOLDER /await") && is_ok("CREATEFILE /await/f") &&
           is_ok("WRITEFILE /await/f\n0\nx") && is_ok("DELETEFOLDER /await\nrecursive");
  });
  return stores ? absl::OkStatus() : absl::DeadlineExceededError(last);
}

absl::Status Player::Send(const std::string& name, const std::string& text) {
  CVG_ASSIGN_OR_RETURN(Client* const client, Find(name));
  CVG_RETURN_IF_ERROR(client->line->Write(absl::StrCat(FromText(text), "\n")));
  const absl::StatusOr<std::string> answer = client->line->NextAnswer();
  if (answer.ok()) {
    Take(client, *answer);
  } else if (!absl::IsOutOfRange(answer.status())) {
    return answer.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<Player::Client*> Player::Find(const std::string& name) {
  for (const auto& client : clients_) {
    if (client->name == name && client->line != nullptr) return client.get();
  }
  return absl::NotFoundError(absl::StrCat("nobody is connected as ", name));
}

absl::Status Player::Collect(Client* client) {
  if (client->line == nullptr) return absl::OkStatus();
  absl::Status status = client->line->Send(absl::StrCat(kBarrier, " PING"));
  absl::StatusOr<std::string> answer;
  if (status.ok()) answer = client->line->NextAnswer();
  if (status.ok() && answer.ok() && !absl::StartsWith(*answer, kBarrier)) {
    return absl::InternalError(absl::StrCat(client->name, " got an answer too many: ", *answer));
  }
  const bool closed = !status.ok() || !answer.ok();
  std::string push;
  while (client->line->TakePush(&push)) Take(client, push);
  if (closed) {
    client->results.push_back(absl::StrCat(client->name, "< (closed)"));
    client->line = nullptr;
  }
  return absl::OkStatus();
}

void Player::Take(Client* client, const std::string& packet) {
  if (absl::EndsWith(packet, absl::StrCat("\n", kAwaitBody))) return;
  client->results.push_back(
      absl::StrCat(client->name, "< ", WithoutChance(ToText(Escape(packet)))));
}

}  // namespace convergia::testing
