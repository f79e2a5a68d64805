#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "common/identity/key.h"
#include "common/lineserver/test_client.h"
#include "common/rpc/credentials.h"
#include "common/rpc/epoch_metadata.h"
#include "convergia/v1/accounts.grpc.pb.h"
#include "convergia/v1/admin.grpc.pb.h"
#include "convergia/v1/cluster.grpc.pb.h"
#include "mgmt/mgmt_server.h"

namespace convergia::mgmt {

// Paints nothing: the word is always kWord.
class FakePainter final : public CaptchaPainter {
 public:
  static constexpr char kWord[] = "KWMPR";
  absl::StatusOr<Captcha> Paint() override { return Captcha{kWord, "\xFF\xD8 a picture"}; }
};

// A node as a test plays it: one certificate, one attach stream, blocking. Every wait is bounded.
class FakeNode {
 public:
  FakeNode(const std::string& mgmt_address, const rpc::TlsFiles& files);
  ~FakeNode();

  // Opens the stream and says Hello.
  void Attach(uint64_t epoch, const std::string& line_address = "127.0.0.1:1");
  bool Send(const v1::FromNode& message) { return stream_->Write(message); }
  void Announce(const std::vector<std::string>& users, bool whole = true);
  // The next message of this kind; others are skipped, but for DirectoryCheck, which is answered as
  // by an edge that knows of nobody. Empty once the stream has ended.
  v1::ToNode Await(v1::ToNode::KindCase kind);
  // The next message of which this is true; false once the stream has ended.
  bool AwaitThat(const std::function<bool(const v1::ToNode&)>& is_it);
  // Reads until mgmt ends the stream; how it did.
  grpc::Status AwaitEnd();
  // Which leader mgmt named at the end. After AwaitEnd().
  std::string said_leader() const { return rpc::SaidLeader(*context_); }

  v1::Accounts::Stub& accounts() { return *accounts_; }
  v1::Cluster::Stub& cluster() { return *cluster_; }
  v1::Admin::Stub& admin() { return *admin_; }

 private:
  bool Read(v1::ToNode* message);

  uint64_t version_ = 0;  // Of what was announced.
  std::unique_ptr<v1::Accounts::Stub> accounts_;
  std::unique_ptr<v1::Cluster::Stub> cluster_;
  std::unique_ptr<v1::Admin::Stub> admin_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::FromNode, v1::ToNode>> stream_;
};

// A whole management server on free ports with a cluster of its own, real but for captchas and
// cheap passwords.
class ServerFixture : public testing::Test {
 protected:
  // Changes to the configuration come in before Start().
  ServerFixture();
  void Start();
  // As after a kill: a new server over what is on disk.
  void Restart();
  // Until Restart(), nobody has the store.
  void Stop();

  std::string Path(absl::string_view name) const { return config_.dir() + "/" + std::string(name); }
  const std::string& ca_pem_path() const { return ca_pem_path_; }

  // With the first operator's certificate.
  v1::Admin::Stub& admin() { return *admin_; }
  void CreateAccount(const std::string& user, const std::string& password);
  std::string MakeToken(v1::Role role, const std::string& name = "");
  // The text of a token of this cluster with a secret that mgmt did not make.
  std::string ForgedToken() const;
  // Enrols with `token` and keeps files; the status is mgmt's answer.
  absl::Status Enrol(const std::string& token, const std::string& name, rpc::TlsFiles* files);
  // All of the above, which must work.
  rpc::TlsFiles EnrolNode(v1::Role role, const std::string& name);

  std::unique_ptr<lineserver::TestClient> Connect(const std::string& address);
  // Signed in on the port for clients.
  std::unique_ptr<lineserver::TestClient> SignIn(const std::string& user,
                                                 const std::string& password);

  v1::MgmtConfig config_;
  FakePainter painter_;
  const Clock* clock_ = nullptr;  // Of the next start; null is the machine's.
  std::unique_ptr<MgmtServer> server_;

 private:
  void Serve();

  std::string ca_pem_path_;
  std::unique_ptr<v1::Admin::Stub> admin_;
};

// That `message` says to an edge where `user` is.
bool Names(const v1::ToNode& message, const std::string& user);

// A deadline that no healthy call needs.
std::unique_ptr<grpc::ClientContext> NewContext();

}  // namespace convergia::mgmt
