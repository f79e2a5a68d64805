#include "common/rpc/test_pki.h"

#include <glog/logging.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/identity/files.h"

namespace convergia::rpc {
namespace {

std::string MakeDir() {
  const std::string dir = absl::StrCat(testing::TempDir(), "/pki-", SecureRandomHex(6));
  PCHECK(mkdir(dir.c_str(), 0700) == 0) << dir;
  return dir;
}

void WriteOrDie(const std::string& path, absl::string_view contents) {
  const absl::Status written =
      identity::WriteFileAtomically(path, contents, identity::kSecretFileMode);
  CHECK(written.ok()) << written;
}

}  // namespace

std::string ReadOrDie(const std::string& path) {
  const absl::StatusOr<std::string> contents = identity::ReadFileToString(path);
  CHECK(contents.ok()) << contents.status();
  return *contents;
}

TestPki::TestPki()
    : dir_(MakeDir()), ca_(identity::CertificateAuthority::Create(RealClock::Get())) {
  WriteOrDie(dir_ + "/ca.pem", ca_.certificate_pem());
}

TlsFiles TestPki::FilesOf(const identity::NodeIdentity& identity) {
  const TlsFiles files = {dir_ + "/ca.pem", PathOf(identity, ".pem"), PathOf(identity, ".key")};
  if (!keys_.contains(identity::SpiffeUri(identity))) {
    auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
    WriteOrDie(files.key, key.ToPem());
    keys_.emplace(identity::SpiffeUri(identity), std::move(key));
    Renew(identity);
  }
  return files;
}

PinEntry TestPki::PinOf(const identity::NodeIdentity& identity, NodeId node) {
  const auto pin = identity::PinOfPem(ReadOrDie(FilesOf(identity).certificate_chain));
  CHECK(pin.ok()) << pin.status();
  return PinEntry{*pin, identity.role, identity.name, node};
}

void TestPki::Renew(const identity::NodeIdentity& identity, absl::Duration lifetime) {
  const identity::PrivateKey& key = keys_.at(identity::SpiffeUri(identity));
  const auto chain = ca_.Issue(identity::MakeCsr(key, identity), identity, lifetime);
  CHECK(chain.ok()) << chain.status();
  WriteOrDie(PathOf(identity, ".pem"), *chain);
}

std::string TestPki::PathOf(const identity::NodeIdentity& identity,
                            absl::string_view ending) const {
  return absl::StrCat(dir_, "/", RoleWord(identity.role), "-", identity.name, ending);
}

}  // namespace convergia::rpc
