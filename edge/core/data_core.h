#pragma once

#include <utility>

#include "absl/status/statusor.h"
#include "convergia/v1/data.pb.h"
#include "edge/core/caller.h"
#include "edge/core/data_codec.h"
#include "edge/upstream/data_client.h"

namespace convergia::edge {

// Runs the operations of files.h, mail.h and metadata.h at datamgr. Its callers are the commands of
// the line protocol, and gateways: they make operations and render results.
//
//   data.Do(caller, ReadFile{.path = "/a", .length = 10},
//           [](absl::StatusOr<std::string> bytes) {});
//
// Thread-safe. Errors: datamgr's own, and those of DataClient.
class DataCore {
 public:
  // `data` must outlive it.
  explicit DataCore(DataClient* data) : data_(*data) {}

  template <typename Operation>
  void Do(const Caller& caller, Operation operation, Done<typename Operation::Result> done) {
    v1::DataRequest request;
    request.set_session(caller.session);
    request.set_user(caller.user);
    request.set_account(caller.account);
    Pack(std::move(operation), &request);
    data_.Ask(std::move(request),
              [done = std::move(done)](absl::StatusOr<v1::DataResponse> response) mutable {
                if (!response.ok()) return done(response.status());
                typename Operation::Result result{};
                Unpack(*response, &result);
                done(std::move(result));
              });
  }

 private:
  DataClient& data_;
};

}  // namespace convergia::edge
