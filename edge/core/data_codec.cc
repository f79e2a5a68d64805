#include "edge/core/data_codec.h"

#include <utility>

namespace convergia::edge {
namespace {

PermissionEntry EntryOf(const v1::Permission& permission) {
  return {permission.who(), permission.right()};
}

VolumeInfo VolumeOf(const v1::VolumeFacts& facts) {
  return {.volume = facts.volume(),
          .is_volatile = facts.is_volatile(),
          .copies_wanted = facts.copies_wanted(),
          .servers_online = {facts.servers_online().begin(), facts.servers_online().end()},
          .servers_offline = {facts.servers_offline().begin(), facts.servers_offline().end()}};
}

}  // namespace

void Pack(CreateFolder op, v1::DataRequest* request) {
  request->mutable_create_folder()->set_path(std::move(op.path));
}

void Pack(DeleteFolder op, v1::DataRequest* request) {
  v1::DeleteFolderOp* const packed = request->mutable_delete_folder();
  packed->set_path(std::move(op.path));
  packed->set_recursive(op.recursive);
}

void Pack(SetPermissions op, v1::DataRequest* request) {
  v1::SetPermissionsOp* const packed = request->mutable_set_permissions();
  packed->set_path(std::move(op.path));
  packed->set_who(std::move(op.who));
  packed->set_right(std::move(op.right));
}

void Pack(CreateFile op, v1::DataRequest* request) {
  v1::CreateFileOp* const packed = request->mutable_create_file();
  packed->set_path(std::move(op.path));
  packed->set_part(op.part);
}

void Pack(WriteFile op, v1::DataRequest* request) {
  v1::WriteFileOp* const packed = request->mutable_write_file();
  packed->set_path(std::move(op.path));
  packed->set_offset(op.offset);
  packed->set_data(std::move(op.data));
}

void Pack(ReadFile op, v1::DataRequest* request) {
  v1::ReadFileOp* const packed = request->mutable_read_file();
  packed->set_path(std::move(op.path));
  packed->set_offset(op.offset);
  packed->set_length(op.length);
  packed->set_version(op.version.value_or(0));
}

void Pack(TruncateFile op, v1::DataRequest* request) {
  v1::TruncateFileOp* const packed = request->mutable_truncate_file();
  packed->set_path(std::move(op.path));
  packed->set_bytes(op.bytes);
}

void Pack(Move op, v1::DataRequest* request) {
  v1::MoveOp* const packed = request->mutable_move();
  packed->set_from(std::move(op.from));
  packed->set_to(std::move(op.to));
  packed->set_replace(op.replace);
}

void Pack(DeleteFile op, v1::DataRequest* request) {
  request->mutable_delete_file()->set_path(std::move(op.path));
}

void Pack(ListFolder op, v1::DataRequest* request) {
  v1::ListFolderOp* const packed = request->mutable_list_folder();
  packed->set_path(std::move(op.path));
  packed->set_after(std::move(op.after));
  packed->set_limit(op.limit);
}

void Pack(GetInfo op, v1::DataRequest* request) {
  request->mutable_get_info()->set_path(std::move(op.path));
}

void Pack(BeginDraft op, v1::DataRequest* request) {
  v1::InitMessageOp* const packed = request->mutable_init_message();
  for (std::string& name : op.to) packed->add_to(std::move(name));
}

void Pack(AppendToDraft op, v1::DataRequest* request) {
  request->mutable_append_message()->set_draft(op.draft);
  request->mutable_append_message()->set_data(std::move(op.data));
}

void Pack(SendDraft op, v1::DataRequest* request) {
  request->mutable_send_message()->set_draft(op.draft);
}

void Pack(CancelDraft op, v1::DataRequest* request) {
  request->mutable_cancel_message()->set_draft(op.draft);
}

void Pack(ListMessages op, v1::DataRequest* request) {
  request->mutable_list_messages()->set_after(op.after);
  request->mutable_list_messages()->set_limit(op.limit);
}

void Pack(ReadMessage op, v1::DataRequest* request) {
  v1::ReadMessageOp* const packed = request->mutable_read_message();
  packed->set_message(op.message);
  packed->set_offset(op.offset);
  packed->set_length(op.length);
}

void Pack(DeleteMessage op, v1::DataRequest* request) {
  request->mutable_delete_message()->set_message(op.message);
}

void Pack(SetMetadata op, v1::DataRequest* request) {
  request->mutable_set_metadata()->set_key(std::move(op.key));
  request->mutable_set_metadata()->set_value(std::move(op.value));
}

void Pack(GetMetadata op, v1::DataRequest* request) {
  request->mutable_get_metadata()->set_user(std::move(op.user));
  request->mutable_get_metadata()->set_key(std::move(op.key));
}

void Pack(ListMetadata op, v1::DataRequest* request) {
  request->mutable_list_metadata()->set_user(std::move(op.user));
}

void Pack(DeleteMetadata op, v1::DataRequest* request) {
  request->mutable_delete_metadata()->set_key(std::move(op.key));
}

void Unpack(v1::DataResponse& /*response*/, Nothing* /*result*/) {}

void Unpack(v1::DataResponse& response, uint64_t* result) { *result = response.number(); }

void Unpack(v1::DataResponse& response, std::string* result) {
  *result = std::move(*response.mutable_data());
}

void Unpack(v1::DataResponse& response, std::vector<FolderEntry>* result) {
  for (v1::FolderRow& row : *response.mutable_folder()->mutable_rows()) {
    result->push_back({.name = std::move(*row.mutable_name()),
                       .is_folder = row.is_folder(),
                       .is_part = row.is_part(),
                       .bytes = row.bytes(),
                       .changed = absl::FromUnixMillis(row.time_ms())});
  }
}

void Unpack(v1::DataResponse& response, FileInfo* result) {
  const v1::FileFacts& facts = response.facts();
  result->is_folder = facts.is_folder();
  result->is_part = facts.is_part();
  result->bytes = facts.bytes();
  result->created = absl::FromUnixMillis(facts.created_ms());
  result->changed = absl::FromUnixMillis(facts.modified_ms());
  result->owner = facts.owner();
  result->right = facts.right();
  result->id = facts.id();
  result->version = facts.version();
  result->hash = facts.hash();
  for (const v1::Permission& permission : facts.permissions()) {
    result->permissions.push_back(EntryOf(permission));
  }
  if (facts.has_inherited()) {
    result->inherited.emplace(EntryOf(facts.inherited()), facts.inherited_from());
  }
  for (const v1::VolumeFacts& volume : facts.volumes()) result->volumes.push_back(VolumeOf(volume));
}

void Unpack(v1::DataResponse& response, std::vector<WaitingMessage>* result) {
  for (v1::MessageRow& row : *response.mutable_messages()->mutable_rows()) {
    result->push_back(MessageOf(std::move(row)));
  }
}

void Unpack(v1::DataResponse& response, std::vector<MetadataKey>* result) {
  for (v1::MetadataRow& row : *response.mutable_metadata()->mutable_rows()) {
    result->push_back({std::move(*row.mutable_key()), row.bytes()});
  }
}

WaitingMessage MessageOf(v1::MessageRow row) {
  return {.id = row.id(),
          .from = std::move(*row.mutable_from()),
          .bytes = row.bytes(),
          .sent = absl::FromUnixMillis(row.time_ms())};
}

}  // namespace convergia::edge
