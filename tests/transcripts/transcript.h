#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Conversations as files: what each client sends and what each gets. The text is what travels,
// escapes and all, with \n for LF, \t for TAB and \xNN for what cannot be printed.
//
//   # What it shows.
//   cluster edges=2 accounts=alice,bob
//
//   alice = sign in edge1
//   alice> 1 SENDMESSAGE bob~\nhi there
//   ----
//   alice< 1 FAIL OFFLINE ...
//
// A step is commands, "----", and everything that came of them. Commands:
//
//   NAME = open NODE             connects to the node's line port; NODE "open" is mgmt's other port
//   NAME = sign in NODE [USER]   the same, signed in; the user is NAME without digits at its end
//   NAME> TEXT                   sends a packet and waits for its answer
//   close NAME                   hangs up
//   await NAME reaches USER      until a message from the one to the other can be delivered
//   await NAME can store         until files can be written, in a cluster with `storage`
namespace convergia::testing {

struct Step {
  std::string comments;  // Lines that begin with '#', each with its line break.
  std::vector<std::string> commands;
  std::vector<std::string> results;
};

struct Transcript {
  std::string comments;
  int edges = 1;
  bool storage = false;  // With a data management server and a data server.
  std::vector<std::string> accounts;
  std::vector<Step> steps;
};

// Errors: kInvalidArgument, naming the line.
absl::StatusOr<Transcript> ParseTranscript(absl::string_view text);

std::string PrintTranscript(const Transcript& transcript);

// Bytes as transcripts show them, and back.
std::string ToText(absl::string_view bytes);
std::string FromText(absl::string_view text);

// Text with what differs from run to run replaced: tickets, times, pins, addresses, ids, pictures.
std::string WithoutChance(absl::string_view text);

}  // namespace convergia::testing
