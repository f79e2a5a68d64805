#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/connect/requester.h"

namespace convergia::client {

// A main server's storage commands in memory, for tests: files and folders without permissions.
// Answers at once. Not thread-safe.
class FakeStorage final : public Requester {
 public:
  struct Node {
    bool is_folder = false;
    std::string bytes;
    absl::Time modified;
    bool is_part = false;
    // Set when the node is made or first used. Each write sets a new version.
    uint64_t id = 0;
    uint64_t version = 0;
    bool hash_known = true;  // If false, GETINFO has no hash.
  };

  absl::StatusOr<std::string> Request(std::string word, std::vector<std::string> fields) override;
  void RequestThen(std::string word, std::vector<std::string> fields, Done done) override;

  // All files and folders by path, without "/".
  std::map<std::string, Node>& nodes() { return nodes_; }
  // The time of the server's clock.
  void set_now(absl::Time now) { now_ = now; }
  // Called before each request. If it returns an error, the request fails with it.
  void set_trouble(std::function<absl::Status(const std::string& word)> trouble) {
    trouble_ = std::move(trouble);
  }
  // Sets the answer to every later LISTFOLDER.
  void set_listing(std::string rows) { listing_ = std::move(rows); }
  int Count(const std::string& word) const;

 private:
  absl::StatusOr<std::string> Create(const std::vector<std::string>& fields, bool folder);
  absl::StatusOr<std::string> Move(const std::vector<std::string>& fields);
  void Number(Node* node);
  absl::StatusOr<std::string> Write(const std::vector<std::string>& fields);
  absl::StatusOr<std::string> Read(const std::vector<std::string>& fields);
  absl::StatusOr<std::string> List(const std::vector<std::string>& fields);
  absl::StatusOr<std::string> Info(const std::string& path);
  absl::StatusOr<Node*> File(const std::string& path);

  std::map<std::string, Node> nodes_;
  uint64_t last_number_ = 0;
  std::map<std::string, int> counts_;
  std::optional<std::string> listing_;
  absl::Time now_ = absl::FromUnixSeconds(2'000'000'000);
  std::function<absl::Status(const std::string& word)> trouble_;
};

}  // namespace convergia::client
