#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/model/core/command.h"
#include "tests/model/core/folder_model.h"
#include "tests/model/core/mail_model.h"

namespace convergia::testing {

// Everything that is stored, as docs/PROTOCOL.md promises it to clients: the answer to each command
// and the state after it. It follows that document and shares no code with the servers. A value
// type: copies are independent and can be compared.
class Model {
 public:
  struct Rules {
    std::set<std::string> users;  // The users with accounts.
    std::string root_admin;
    MailModel::Limits mail;
  };
  explicit Model(const Rules& rules);

  // Carries out `command` and returns the answer that `user` should read, as Normalised() leaves
  // it. The answer `seen` supplies the numbers that only the server knows; null if no answer came.
  Answer Do(const std::string& user, const Command& command, const Answer* seen);

  const FolderModel& folders() const { return folders_; }
  const MailModel& mail() const { return mail_; }
  const std::map<std::string, std::map<std::string, std::string>>& metadata() const {
    return metadata_;
  }
  friend bool operator==(const Model& a, const Model& b) {
    return a.folders_ == b.folders_ && a.mail_ == b.mail_ && a.metadata_ == b.metadata_;
  }

 private:
  using Fields = std::vector<std::string>;

  Answer DoOnFolders(const std::string& user, const std::string& word, const Fields& fields);
  Answer DoOnFiles(const std::string& user, const std::string& word, const Fields& fields);
  Answer DoOnMail(const std::string& user, const std::string& word, const Fields& fields,
                  const Answer* seen);
  Answer DoOnMetadata(const std::string& user, const std::string& word, const Fields& fields);
  Answer SetPermissions(const std::string& user, const Fields& fields);
  Answer Init(const std::string& user, const Fields& fields, const Answer* seen);

  std::set<std::string> users_;
  FolderModel folders_;
  MailModel mail_;
  std::map<std::string, std::map<std::string, std::string>> metadata_;
};

// Whether the command can change the stored state. An unknown command cannot.
bool Changes(const Command& command);

}  // namespace convergia::testing
