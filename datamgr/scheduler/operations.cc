#include "datamgr/scheduler/operations.h"

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::datamgr {
namespace {

using Op = v1::DataRequest;

absl::StatusOr<int> ReadLimit(uint32_t limit) {
  if (limit >= 1 && limit <= limits::kStorageRowsMax) return static_cast<int>(limit);
  return Fail(FailCode::kBadField,
              absl::StrCat("ask for 1 to ", limits::kStorageRowsMax, " rows at once"));
}

// nullopt means "inherit".
absl::StatusOr<std::optional<Right>> ReadRight(const std::string& word) {
  if (word == "inherit") return std::optional<Right>();
  const std::optional<Right> right = RightFromWord(word);
  if (right.has_value()) return right;
  return Fail(FailCode::kBadField, "say none, read, write, admin or inherit");
}

absl::Status SetPermissions(Catalog& catalog, const std::string& user,
                            const v1::SetPermissionsOp& op) {
  CVG_ASSIGN_OR_RETURN(const std::optional<Right> right, ReadRight(op.right()));
  std::string who = op.who();
  if (who != kEverybody) {
    CVG_ASSIGN_OR_RETURN(const Username name, Username::Parse(who));
    who = name.str();
  }
  return catalog.tree().SetPermissions(user, op.path(), who, right);
}

absl::Status ListFolder(Catalog& catalog, const std::string& user, const v1::ListFolderOp& op,
                        v1::FolderRows* to) {
  CVG_ASSIGN_OR_RETURN(const int limit, ReadLimit(op.limit()));
  CVG_ASSIGN_OR_RETURN(const auto rows, catalog.tree().List(user, op.path(), op.after(), limit));
  for (const FolderRow& row : rows) {
    v1::FolderRow* shown = to->add_rows();
    shown->set_name(row.name);
    shown->set_is_folder(row.is_folder);
    shown->set_bytes(row.bytes);
    shown->set_time_ms(row.time_ms);
    shown->set_is_part(row.is_part);
  }
  return absl::OkStatus();
}

absl::Status GetFacts(Catalog& catalog, const std::string& user, const std::string& path,
                      v1::FileFacts* to, std::vector<uint64_t>* volumes) {
  CVG_ASSIGN_OR_RETURN(FileFacts facts, catalog.files().Describe(user, path));
  to->set_id(facts.id);
  to->set_is_folder(facts.is_folder);
  to->set_is_part(facts.is_part);
  to->set_version(facts.version);
  to->set_hash(facts.hash);
  to->set_bytes(facts.bytes);
  to->set_created_ms(facts.created_ms);
  to->set_modified_ms(facts.modified_ms);
  to->set_owner(facts.owner);
  to->set_right(std::string(RightWord(facts.right)));
  for (const auto& [who, right] : facts.permissions) {
    v1::Permission* permission = to->add_permissions();
    permission->set_who(who);
    permission->set_right(std::string(RightWord(right)));
  }
  if (facts.inherited.has_value()) {
    to->mutable_inherited()->set_who(facts.inherited->who);
    to->mutable_inherited()->set_right(std::string(RightWord(facts.inherited->right)));
    to->set_inherited_from(facts.inherited->folder);
  }
  *volumes = std::move(facts.volumes);
  if (volumes->size() > kDescribedVolumesMax) volumes->resize(kDescribedVolumesMax);
  return absl::OkStatus();
}

void FillRow(const MailRow& mail, v1::MessageRow* row) {
  row->set_id(mail.message);
  row->set_from(mail.from);
  row->set_bytes(mail.bytes);
  row->set_time_ms(mail.sent_ms);
}

absl::Status ListMessages(Catalog& catalog, const std::string& user, const v1::ListMessagesOp& op,
                          v1::MessageRows* to) {
  CVG_ASSIGN_OR_RETURN(const int limit, ReadLimit(op.limit()));
  CVG_ASSIGN_OR_RETURN(const auto rows, catalog.mailboxes().List(user, op.after(), limit));
  for (const MailRow& row : rows) FillRow(row, to->add_rows());
  return absl::OkStatus();
}

absl::Status ListMetadata(Catalog& catalog, const std::string& whose, v1::MetadataRows* to) {
  CVG_ASSIGN_OR_RETURN(const Username user, Username::Parse(whose));
  CVG_ASSIGN_OR_RETURN(const auto rows, catalog.metadata().List(user.str()));
  for (const auto& [key, bytes] : rows) {
    v1::MetadataRow* row = to->add_rows();
    row->set_key(key);
    row->set_bytes(bytes);
  }
  return absl::OkStatus();
}

absl::Status ExecuteOnTree(Tree& tree, Catalog& catalog, const Op& request,
                           v1::DataResponse* response, std::vector<uint64_t>* volumes) {
  const std::string& user = request.user();
  switch (request.operation_case()) {
    case Op::kCreateFolder:
      return tree.CreateFolder(user, request.create_folder().path());
    case Op::kDeleteFolder: {
      const v1::DeleteFolderOp& op = request.delete_folder();
      return tree.DeleteFolder(user, op.path(), op.recursive()).status();
    }
    case Op::kSetPermissions:
      return SetPermissions(catalog, user, request.set_permissions());
    case Op::kCreateFile:
      return tree.CreateFile(user, request.create_file().path(), request.create_file().part());
    case Op::kTruncateFile:
      return catalog.files().Truncate(user, request.truncate_file().path(),
                                      request.truncate_file().bytes());
    case Op::kMove:
      return tree.Move(user, request.move().from(), request.move().to(), request.move().replace());
    case Op::kDeleteFile:
      return tree.DeleteFile(user, request.delete_file().path()).status();
    case Op::kListFolder:
      return ListFolder(catalog, user, request.list_folder(), response->mutable_folder());
    case Op::kGetInfo:
      return GetFacts(catalog, user, request.get_info().path(), response->mutable_facts(), volumes);
    default:
      return Fail(FailCode::kUnknownCommand,
                  "the data management server does not know this yet; an operator must renew it");
  }
}

absl::Status Send(Catalog& catalog, const Op& request, std::vector<Arrival>* arrivals) {
  CVG_ASSIGN_OR_RETURN(*arrivals,
                       catalog.mailboxes().Send(request.user(), request.send_message().draft()));
  return absl::OkStatus();
}

absl::Status Begin(Catalog& catalog, const Op& request, v1::DataResponse* response) {
  CVG_ASSIGN_OR_RETURN(std::vector<std::string> to, NamedUsers(catalog, request));
  CVG_ASSIGN_OR_RETURN(const uint64_t draft,
                       catalog.mailboxes().Begin(request.user(), std::move(to)));
  response->set_number(draft);
  return absl::OkStatus();
}

absl::Status GetMetadata(Catalog& catalog, const v1::GetMetadataOp& op,
                         v1::DataResponse* response) {
  CVG_ASSIGN_OR_RETURN(const Username whose, Username::Parse(op.user()));
  CVG_ASSIGN_OR_RETURN(*response->mutable_data(), catalog.metadata().Get(whose.str(), op.key()));
  return absl::OkStatus();
}

}  // namespace

bool IsWrite(const Op& request) { return request.has_write_file() || request.has_append_message(); }
bool IsRead(const Op& request) { return request.has_read_file() || request.has_read_message(); }

absl::StatusOr<std::vector<std::string>> NamedUsers(Catalog& catalog, const Op& request) {
  std::vector<std::string> users;
  if (request.has_list_metadata()) {
    CVG_ASSIGN_OR_RETURN(const Username whose, Username::Parse(request.list_metadata().user()));
    CVG_ASSIGN_OR_RETURN(const bool has_some, catalog.metadata().HasSome(whose.str()));
    if (!has_some && whose.str() != request.user()) users.push_back(whose.str());
  }
  if (request.has_set_permissions()) {
    const v1::SetPermissionsOp& op = request.set_permissions();
    if (op.who() == kEverybody || op.right() == "inherit") return users;
    CVG_ASSIGN_OR_RETURN(const Username user, Username::Parse(op.who()));
    users.push_back(user.str());
  }
  if (request.has_init_message()) {
    if (request.init_message().to_size() > kRecipientsMax) {
      return Fail(FailCode::kBadField,
                  absl::StrCat("name at most ", kRecipientsMax, " recipients"));
    }
    for (const std::string& name : request.init_message().to()) {
      CVG_ASSIGN_OR_RETURN(const Username user, Username::Parse(name));
      users.push_back(user.str());
    }
  }
  return users;
}

absl::Status AnswerToLookup(const Op& request, const absl::Status& checked) {
  const bool is_missing = !checked.ok() && FailCodeOf(checked) == FailCode::kNoSuchUser;
  if (!is_missing || !request.has_list_metadata()) return checked;
  return Fail(FailCode::kNotFound, checked.message());
}

std::string* BytesOf(Op* request) {
  return request->has_write_file() ? request->mutable_write_file()->mutable_data()
                                   : request->mutable_append_message()->mutable_data();
}

absl::Status Admit(Catalog& catalog, const Op& request, uint64_t bytes) {
  if (request.has_write_file()) {
    return catalog.files().AdmitWrite(request.user(), request.write_file().path(), bytes);
  }
  return catalog.mailboxes().AdmitAppend(request.user(), request.append_message().draft(), bytes);
}

absl::StatusOr<uint64_t> CommitWrite(Catalog& catalog, const Op& request,
                                     const std::optional<ChunkRef>& chunk, absl::string_view hash) {
  if (request.has_write_file()) {
    const v1::WriteFileOp& op = request.write_file();
    return catalog.files().Write(request.user(), op.path(), op.offset(), chunk, hash);
  }
  return catalog.mailboxes().Append(request.user(), request.append_message().draft(), chunk);
}

absl::StatusOr<ReadPlan> PlanReadOf(Catalog& catalog, const Op& request) {
  if (request.has_read_file()) {
    const v1::ReadFileOp& op = request.read_file();
    return catalog.files().Read(request.user(), op.path(), op.offset(), op.length(), op.version());
  }
  const v1::ReadMessageOp& op = request.read_message();
  return catalog.mailboxes().Read(request.user(), op.message(), op.offset(), op.length());
}

absl::Status Execute(Catalog& catalog, const Op& request, v1::DataResponse* response,
                     std::vector<Arrival>* arrivals, std::vector<uint64_t>* volumes) {
  const std::string& user = request.user();
  switch (request.operation_case()) {
    case Op::kInitMessage:
      return Begin(catalog, request, response);
    case Op::kSendMessage:
      return Send(catalog, request, arrivals);
    case Op::kCancelMessage:
      return catalog.mailboxes().Cancel(user, request.cancel_message().draft());
    case Op::kListMessages:
      return ListMessages(catalog, user, request.list_messages(), response->mutable_messages());
    case Op::kDeleteMessage:
      return catalog.mailboxes().Delete(user, request.delete_message().message());
    case Op::kSetMetadata:
      return catalog.metadata().Set(user, request.set_metadata().key(),
                                    request.set_metadata().value());
    case Op::kGetMetadata:
      return GetMetadata(catalog, request.get_metadata(), response);
    case Op::kListMetadata:
      return ListMetadata(catalog, request.list_metadata().user(), response->mutable_metadata());
    case Op::kDeleteMetadata:
      return catalog.metadata().Delete(user, request.delete_metadata().key());
    default:
      return ExecuteOnTree(catalog.tree(), catalog, request, response, volumes);
  }
}

void FillArrival(const Arrival& arrival, v1::MessageArrival* to) {
  to->set_user(arrival.user);
  FillRow(arrival.mail, to->mutable_message());
}

void FillVolumes(const std::vector<VolumePlaces>& places, v1::FileFacts* facts) {
  for (const VolumePlaces& place : places) {
    v1::VolumeFacts* volume = facts->add_volumes();
    volume->set_volume(place.volume);
    volume->set_is_volatile(place.is_volatile);
    volume->set_copies_wanted(place.copies_wanted);
    for (const ChunkHolder& holder : place.holders) {
      *(holder.online ? volume->add_servers_online() : volume->add_servers_offline()) =
          holder.server;
    }
  }
}

}  // namespace convergia::datamgr
