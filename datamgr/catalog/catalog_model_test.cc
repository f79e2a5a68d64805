// Runs random commands of several users against the catalog and against a simple model, with
// deferred work, trash and crashes in between. Every answer and every byte must agree.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/hash/tree_hash.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/held_store.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/catalog/transactions/keys.h"

namespace convergia::datamgr {
namespace {

constexpr int kSteps = 20'000;
constexpr uint64_t kLeafBytes = 32;  // So that small files have several leaves.
constexpr const char* kUsers[] = {"ann", "bob", "cid"};

template <typename T>
std::string Code(const T& result) {
  const absl::Status& status = testing_internal::AsStatus(result);
  return status.ok() ? "OK" : std::string(FailCodeWord(FailCodeOf(status)));
}

// Files and folders by path, with the rights set on each folder.
struct Model {
  struct Node {
    bool is_folder = false;
    std::string bytes;
    std::map<std::string, Right> rights;
    bool is_part = false;
    uint64_t version = 0;  // As the catalog last told it; 0: not since the content changed.
  };
  std::map<std::string, Node> nodes = {{"/", {.is_folder = true}}};

  static std::string ParentOf(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
  }
  const Node* Get(const std::string& path) const {
    const auto found = nodes.find(path);
    return found == nodes.end() ? nullptr : &found->second;
  }
  Right Of(const std::string& user, std::string folder) const {
    std::optional<Right> everybody;
    while (true) {
      const Node& node = nodes.at(folder);
      if (node.rights.contains(user)) return node.rights.at(user);
      if (!everybody && node.rights.contains("*")) everybody = node.rights.at("*");
      if (folder == "/") return everybody.value_or(Right::kRead);
      folder = ParentOf(folder);
    }
  }
  // The folder that decides about rights for `path`: itself if a folder, else the deepest one
  // above.
  std::string FolderOf(std::string path) const {
    while (Get(path) == nullptr || !Get(path)->is_folder) path = ParentOf(path);
    return path;
  }
  // Parts in `path` itself do not count; parts in folders below it do.
  bool HasChildren(const std::string& path) const {
    for (auto next = nodes.upper_bound(path + "/"); next != nodes.end(); ++next) {
      if (!next->first.starts_with(path + "/")) return false;
      if (!next->second.is_part || ParentOf(next->first) != path) return true;
    }
    return false;
  }
  // "OK", or the code of the error when `user` looks up `path`.
  std::string Find(const std::string& user, const std::string& path, Right need,
                   std::optional<bool> folder) const {
    const Right right = Of(user, FolderOf(path));
    if (right < Right::kRead) return "DENIED";
    if (Get(path) == nullptr) return Missing(path);
    if (folder && Get(path)->is_folder != *folder) return *folder ? "NOTAFOLDER" : "NOTAFILE";
    return right < need ? "DENIED" : "OK";
  }
  std::string Missing(const std::string& path) const {
    for (std::string up = ParentOf(path); up != "/"; up = ParentOf(up)) {
      if (Get(up) != nullptr && !Get(up)->is_folder) return "NOTAFOLDER";
    }
    return "NOTFOUND";
  }
  std::string Place(const std::string& user, const std::string& path, bool folder,
                    bool replace = false) const {
    const std::string parent = ParentOf(path);
    if (Get(parent) == nullptr || !Get(parent)->is_folder) {
      return Of(user, FolderOf(parent)) < Right::kRead ? "DENIED" : Missing(path);
    }
    const Right right = Of(user, parent);
    if (right < Right::kRead) return "DENIED";
    if (Get(path) != nullptr && !replace) return "EXISTS";
    if (Get(path) != nullptr && Get(path)->is_folder) return "NOTAFILE";
    if (parent == "/" && folder) return "OK";
    return right < Right::kWrite ? "DENIED" : "OK";
  }
  std::string Parent(const std::string& user, const std::string& path) const {
    const std::string parent = ParentOf(path);
    return Of(user, parent) < (parent == "/" ? Right::kRead : Right::kWrite) ? "DENIED" : "OK";
  }
  bool SomebodyIsAdmin(std::string folder) const {
    std::map<std::string, Right> nearest;
    while (true) {
      for (const auto& [who, right] : nodes.at(folder).rights) nearest.try_emplace(who, right);
      if (folder == "/") break;
      folder = ParentOf(folder);
    }
    for (const auto& [who, right] : nearest) {
      if (right == Right::kAdmin) return true;
    }
    return false;
  }
};

class World {
 public:
  explicit World(uint64_t seed) : rng_(seed) { Reopen(); }
  ~World() { store_.Let(); }

  void Run() {
    for (int step = 0; step < kSteps && !testing::Test::HasFatalFailure(); ++step) {
      SCOPED_TRACE(absl::StrCat("step ", step));
      Step();
      if (testing::Test::HasFailure()) return;
    }
    CheckAll();
    DeleteAll();
  }

 private:
  int Pick(int n) { return static_cast<int>(rng_() % static_cast<uint64_t>(n)); }
  std::string User() { return kUsers[Pick(3)]; }
  std::string AnyPath() {
    std::string path;
    for (int depth = 1 + Pick(3); depth > 0; --depth) absl::StrAppend(&path, "/", Pick(3));
    return path;
  }
  void Reopen() {
    store_.Let();
    CatalogOptions options;
    options.hash_leaf_bytes = kLeafBytes;
    catalog_ = *Catalog::Open(store_, clock_, options);
    store_.Hold();
  }
  // Makes some waiting commits durable; reads may have used them long before.
  void LetSome() {
    const size_t most = static_cast<size_t>(Pick(30));
    while (store_.waiting() > most) store_.LetOne();
  }

  ChunkRef Store(const std::string& bytes) {
    const ChunkRef ref{1 + chunks_.size() / 100, chunks_.size() + 1,
                       static_cast<uint32_t>(bytes.size())};
    chunks_[ref] = bytes;
    return ref;
  }
  std::string Bytes(const ReadPlan& plan) {
    std::string bytes;
    for (const Piece& piece : plan.pieces) {
      bytes += chunks_.at(piece.chunk).substr(piece.offset, piece.length);
    }
    return bytes;
  }

  void Step() {
    LetSome();
    const std::string user = User();
    const std::string path = AnyPath();
    switch (Pick(13)) {
      case 0:
      case 1:
        return CreateFolder(user, path);
      case 2:
      case 3:
        return CreateFile(user, path);
      case 4:
      case 5:
      case 6:
        return Write(user, path);
      case 7:
        return Truncate(user, path);
      case 8:
        return Read(user, path);
      case 9:
        return Pick(3) == 0 ? Delete(user, path) : List(user, path);
      case 10:
        return Move(user, path, AnyPath());
      case 11:
        return SetPermissions(user, path);
      default:
        return Disturb();
    }
  }

  void CreateFolder(const std::string& user, const std::string& path) {
    const std::string expected = model_.Place(user, path, true);
    ASSERT_EQ(Code(catalog_->tree().CreateFolder(user, path)), expected) << user << " " << path;
    if (expected != "OK") return;
    Model::Node node{.is_folder = true, .rights = {{user, Right::kAdmin}}};
    if (Model::ParentOf(path) == "/") node.rights["*"] = Right::kNone;
    model_.nodes[path] = node;
  }
  void CreateFile(const std::string& user, const std::string& path) {
    const std::string expected = model_.Place(user, path, false);
    const bool part = Pick(4) == 0;
    ASSERT_EQ(Code(catalog_->tree().CreateFile(user, path, part)), expected) << user << " " << path;
    if (expected == "OK") model_.nodes[path] = {.is_part = part};
  }
  void Write(const std::string& user, const std::string& path) {
    std::string expected = model_.Find(user, path, Right::kWrite, false);
    const size_t size = expected == "OK" ? model_.Get(path)->bytes.size() : 0;
    // Writes are often short and at the end, so files get many pieces to overwrite.
    const bool is_small = Pick(3) != 0;
    const uint64_t offset =
        is_small ? size : static_cast<uint64_t>(Pick(static_cast<int>(size) + 2));
    const std::string bytes(static_cast<size_t>(1 + Pick(is_small ? 3 : 200)),
                            static_cast<char>('a' + Pick(26)));
    if (expected == "OK" && offset > size) expected = "BADFIELD";
    const std::string hash = Pick(3) == 0 ? "" : HashForWrite(offset, bytes, kLeafBytes);
    const ChunkRef chunk = Store(bytes);
    absl::StatusOr<uint64_t> written = CallAgain();
    while (IsCallAgain(written.status())) {
      written = catalog_->files().Write(user, path, offset, chunk, hash);
    }
    ASSERT_EQ(Code(written), expected) << user << " " << path << " at " << offset;
    if (expected != "OK") return;
    model_.nodes[path].version = 0;
    std::string& file = model_.nodes[path].bytes;
    if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size());
    file.replace(offset, bytes.size(), bytes);
    CheckBytes(user, path);
  }
  void Truncate(const std::string& user, const std::string& path) {
    std::string expected = model_.Find(user, path, Right::kWrite, false);
    const size_t size = expected == "OK" ? model_.Get(path)->bytes.size() : 0;
    const uint64_t bytes = size - static_cast<uint64_t>(Pick(static_cast<int>(size) / 3 + 1));
    absl::Status cut = CallAgain();
    while (IsCallAgain(cut)) cut = catalog_->files().Truncate(user, path, bytes);
    ASSERT_EQ(Code(cut), expected);
    if (expected != "OK") return;
    if (bytes < size) model_.nodes[path].version = 0;
    model_.nodes[path].bytes.resize(bytes);
  }
  void Read(const std::string& user, const std::string& path) {
    const std::string expected = model_.Find(user, path, Right::kRead, false);
    ASSERT_EQ(Code(catalog_->files().Read(user, path, 0, 10)), expected) << user << " " << path;
    if (expected != "OK") return;
    CheckBytes(user, path);
    CheckFacts(user, path);
  }
  // The version must be the last one told, or a new one. The hash must be right if it is known.
  void CheckFacts(const std::string& user, const std::string& path) {
    Model::Node& node = model_.nodes[path];
    ASSERT_OK_AND_ASSIGN(const FileFacts facts, catalog_->files().Describe(user, path));
    ASSERT_EQ(facts.is_part, node.is_part) << path;
    if (node.version == 0) {
      ASSERT_TRUE(versions_.insert(facts.version).second) << path;
    } else {
      ASSERT_EQ(facts.version, node.version) << path;
    }
    node.version = facts.version;
    for (const uint64_t version : {facts.version, *versions_.begin()}) {
      ASSERT_EQ(Code(catalog_->files().Read(user, path, 0, 1, version)),
                version == facts.version ? "OK" : "NOTFOUND");
    }
    if (facts.hash.empty()) return;
    ++hashes_seen_;
    TreeHash hash(node.bytes.size());
    for (size_t at = 0; at < node.bytes.size(); at += kLeafBytes) {
      hash.AddLeaf(LeafHash(node.bytes.substr(at, kLeafBytes)));
    }
    ASSERT_EQ(facts.hash, hash.Finish()) << path;
  }
  // Hashes one leaf. The file may change before the hash is put.
  void FindHash() {
    if (leaf_.has_value()) {
      ASSERT_OK(catalog_->hash_work().Put(*leaf_, LeafHash(leaf_bytes_)));
      leaf_.reset();
    }
    ASSERT_OK_AND_ASSIGN(const auto leaf, catalog_->hash_work().Next());
    if (!leaf.has_value()) return;
    leaf_bytes_.clear();
    while (leaf_bytes_.size() < leaf->end - leaf->begin) {
      ASSERT_OK_AND_ASSIGN(const auto pieces,
                           catalog_->hash_work().Pieces(*leaf, leaf->begin + leaf_bytes_.size()));
      ASSERT_TRUE(pieces.has_value());
      for (const Piece& piece : *pieces) {
        leaf_bytes_ += chunks_.at(piece.chunk).substr(piece.offset, piece.length);
      }
    }
    leaf_ = leaf;
  }
  void CheckBytes(const std::string& user, const std::string& path) {
    const std::string& expected = model_.Get(path)->bytes;
    std::string bytes;
    while (bytes.size() < expected.size()) {  // A read of many pieces returns only some of them.
      ASSERT_OK_AND_ASSIGN(const ReadPlan plan,
                           catalog_->files().Read(user, path, bytes.size(), 1 << 20));
      ASSERT_GT(plan.bytes, 0u);
      bytes += Bytes(plan);
    }
    ASSERT_EQ(bytes, expected) << path;
  }
  void List(const std::string& user, const std::string& path) {
    const std::string expected = model_.Find(user, path, Right::kRead, true);
    const auto rows = catalog_->tree().List(user, path, "", 100);
    ASSERT_EQ(Code(rows), expected);
    if (expected != "OK") return;
    std::string names;
    for (const FolderRow& row : *rows) {
      absl::StrAppend(&names, row.name, row.is_folder, row.is_part, row.bytes);
    }
    std::string wanted;
    for (const auto& [name, node] : model_.nodes) {
      if (name == "/" || Model::ParentOf(name) != path) continue;
      absl::StrAppend(&wanted, name.substr(path.size() + 1), node.is_folder, node.is_part,
                      node.bytes.size());
    }
    ASSERT_EQ(names, wanted);
  }
  void Delete(const std::string& user, const std::string& path) {
    const bool recursive = Pick(2) == 0;
    if (Pick(2) == 0) {
      const std::string expected = model_.Find(user, path, Right::kWrite, false);
      ASSERT_EQ(Code(catalog_->tree().DeleteFile(user, path)), expected);
      if (expected == "OK") model_.nodes.erase(path);
      return;
    }
    std::string expected = model_.Find(user, path, Right::kAdmin, true);
    if (expected == "OK") expected = model_.Parent(user, path);
    if (expected == "OK" && !recursive && model_.HasChildren(path)) expected = "NOTEMPTY";
    ASSERT_EQ(Code(catalog_->tree().DeleteFolder(user, path, recursive)), expected);
    if (expected != "OK") return;
    std::erase_if(model_.nodes, [&](const auto& node) {
      return node.first == path || node.first.starts_with(path + "/");
    });
  }
  void Move(const std::string& user, const std::string& from, const std::string& to) {
    const bool replace = Pick(2) == 0;
    std::string expected =
        model_.Find(user, from, Right::kWrite, replace ? std::optional(false) : std::nullopt);
    const bool folder = expected == "OK" && model_.Get(from)->is_folder;
    if (folder && model_.Of(user, from) < Right::kAdmin) expected = "DENIED";
    if (expected == "OK" && folder) expected = model_.Parent(user, from);
    if (expected == "OK") expected = model_.Place(user, to, folder, replace);
    if (expected == "OK" && folder && to.starts_with(from + "/")) expected = "BADFIELD";
    ASSERT_EQ(Code(catalog_->tree().Move(user, from, to, replace)), expected) << from << " " << to;
    if (expected != "OK") return;
    model_.nodes[from].is_part = false;
    if (from != to) model_.nodes.erase(to);
    std::map<std::string, Model::Node> moved;
    for (auto& [path, node] : model_.nodes) {
      const bool is_in = path == from || path.starts_with(from + "/");
      moved[is_in ? to + path.substr(from.size()) : path] = std::move(node);
    }
    model_.nodes = std::move(moved);
    if (!folder || Model::ParentOf(from) == Model::ParentOf(to)) return;
    model_.nodes[to].rights.try_emplace(user, Right::kAdmin);
    if (Model::ParentOf(to) == "/") model_.nodes[to].rights.try_emplace("*", Right::kNone);
  }
  void SetPermissions(const std::string& user, const std::string& path) {
    const std::string who = Pick(3) == 0 ? "*" : User();
    std::optional<Right> right;
    if (Pick(4) != 0) right = static_cast<Right>(Pick(4));
    std::string expected = model_.Find(user, path, Right::kAdmin, true);
    if (expected == "OK") {
      auto& rights = model_.nodes[path].rights;
      const auto before = rights;
      right ? void(rights[who] = *right) : void(rights.erase(who));
      if (!model_.SomebodyIsAdmin(path)) {
        rights = before;
        expected = "DENIED";
      }
    }
    ASSERT_EQ(Code(catalog_->tree().SetPermissions(user, path, who, right)), expected);
  }

  void Disturb() {
    switch (Pick(6)) {
      case 0:
        return Reopen();
      case 4:
      case 5:
        return FindHash();
      case 1:
        clock_.Advance(absl::Minutes(Pick(10)));
        return EmptyTrash();
      default:
        for (int i = Pick(5); i > 0; --i) ASSERT_OK(catalog_->deferred_work().Step());
    }
  }
  void EmptyTrash() {
    ASSERT_OK_AND_ASSIGN(const auto entries, catalog_->deferred_work().DueTrash(100));
    for (const auto& entry : entries) {
      for (const ChunkRef& ref : entry.chunks) chunks_[ref] = std::string(ref.bytes, '!');
      ASSERT_OK(catalog_->deferred_work().Forget(entry));
    }
  }
  // Checks every file, as every user that may read it.
  void CheckAll() {
    for (const auto& [path, node] : model_.nodes) {
      if (node.is_folder) continue;
      for (const char* user : kUsers) {
        if (model_.Of(user, model_.FolderOf(path)) >= Right::kRead) CheckBytes(user, path);
      }
    }
  }
  // After everything is deleted nothing may be left: no extent, no chunk, no charge.
  void DeleteAll() {
    CatalogOptions options;
    options.root_admins = {"root"};
    store_.Let();
    catalog_ = *Catalog::Open(store_, clock_, options);
    for (const auto& [path, node] : model_.nodes) {
      if (path == "/" || Model::ParentOf(path) != "/") continue;
      ASSERT_OK(catalog_->tree().DeleteFolder("root", path, true));
    }
    while (*catalog_->deferred_work().Step()) {
    }
    clock_.Advance(absl::Hours(1));
    while (!catalog_->deferred_work().DueTrash(100)->empty()) EmptyTrash();
    EXPECT_GT(hashes_seen_, 0);
    for (const char* prefix : {"c/x", "c/h", "c/o", "c/c", "c/d", "c/p", "c/t", "c/w"}) {
      EXPECT_TRUE(store_.Scan(prefix, store::PrefixEnd(prefix), 1)->rows.empty()) << prefix;
    }
    EXPECT_EQ(store_.Scan("c/i", "c/j", 10)->rows.size(), 1u);
    for (const char* user : kUsers) {
      PipelinedStore rows(store_);
      Transaction edit(rows);
      const auto usage = *edit.GetOrEmpty<records::Usage>(keys::Usage(user));
      EXPECT_EQ(usage.bytes(), 0u) << user;
      EXPECT_EQ(usage.inodes(), 0u) << user;
    }
  }

  Rng rng_;
  FakeClock clock_;
  store::HeldStore store_;
  std::unique_ptr<Catalog> catalog_;
  std::map<ChunkRef, std::string> chunks_;
  std::set<uint64_t> versions_;
  int hashes_seen_ = 0;
  std::optional<HashWork::Leaf> leaf_;  // Read, but its hash is not put yet.
  std::string leaf_bytes_;
  Model model_;
};

TEST(CatalogModelTest, AgreesWithASimpleModel) {
  const char* const given = std::getenv("CVG_SEED");
  const uint64_t first =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  for (uint64_t seed = first; seed < first + 3; ++seed) {
    std::cout << "seed " << seed << ": CVG_SEED=" << seed << std::endl;
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    World(seed).Run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace convergia::datamgr
