#include "mgmt/own_sessions.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "mgmt/views/cluster_queries.h"

namespace convergia::mgmt {
namespace {

absl::Status Busy() {
  return Fail(FailCode::kBusy, "the management server is busy; try again in a few seconds");
}

absl::Status NoSuchSession() {
  return Fail(FailCode::kNotFound, "you have no such session there; see LISTSESSIONS");
}

std::optional<NodeId> EdgeOf(const ClusterState& state, absl::string_view name) {
  for (const auto& [id, member] : state.members) {
    if (member.role == Role::kEdge && member.name == name) return id;
  }
  return std::nullopt;
}

void AddRows(const ClusterState& state, const SessionQueries::Outcome& outcome,
             OwnSessions::Rows* rows) {
  for (const auto& [edge, sessions] : outcome.rows) {
    for (const v1::SessionRow& session : sessions) {
      v1::ServerSession& row = rows->emplace_back();
      row.set_server(NameOf(state, edge));
      row.set_session(session.session());
      row.set_address(session.address());
      row.set_since_ms(session.since_ms());
    }
  }
  for (const NodeId edge : outcome.silent) rows->emplace_back().set_server(NameOf(state, edge));
}

}  // namespace

OwnSessions::Rows OwnSessions::Here(AccountId account) const {
  Rows rows;
  for (const lineserver::SessionList::Row& session : here_.List(account)) {
    v1::ServerSession& row = rows.emplace_back();
    row.set_server(own_name_);
    row.set_session(session.session);
    row.set_address(session.address);
    row.set_since_ms(absl::ToUnixMillis(session.since));
  }
  return rows;
}

void OwnSessions::List(const Username& user, AccountId account,
                       absl::AnyInvocable<void(absl::StatusOr<Rows>)> done) {
  // Shared, because whichever of the branches below runs needs it.
  auto kept = std::make_shared<decltype(done)>(std::move(done));
  const bool posted = loop_.Post([this, user, account, kept](Cluster& cluster) {
    const bool asked = cluster.AskSessions(
        user.str(), account, loop_.clock().Elapsed(),
        [this, &cluster, account, kept](const SessionQueries::Outcome& outcome) {
          Rows rows = Here(account);
          AddRows(cluster.state(), outcome, &rows);
          (*kept)(std::move(rows));
        });
    if (!asked) (*kept)(Busy());
  });
  if (!posted) (*kept)(Busy());
}

void OwnSessions::End(AccountId account, absl::string_view server, uint64_t session,
                      absl::AnyInvocable<void(absl::Status)> done) {
  if (session == 0) return done(NoSuchSession());
  if (server == own_name_) {
    return done(here_.End(account, session) ? absl::OkStatus() : NoSuchSession());
  }
  auto kept = std::make_shared<decltype(done)>(std::move(done));
  const bool posted =
      loop_.Post([this, account, server = std::string(server), session, kept](Cluster& cluster) {
        const std::optional<NodeId> edge = EdgeOf(cluster.state(), server);
        if (!edge) return (*kept)(NoSuchSession());
        const bool asked = cluster.EndSession(
            *edge, account, session, loop_.clock().Elapsed(),
            [edge = *edge, kept](const SessionQueries::Outcome& outcome) {
              if (!outcome.silent.empty()) {
                return (*kept)(Fail(FailCode::kUnavailable,
                                    "that server does not answer; see LISTSESSIONS later"));
              }
              const auto rows = outcome.rows.find(edge);
              const bool ended = rows != outcome.rows.end() && !rows->second.empty();
              (*kept)(ended ? absl::OkStatus() : NoSuchSession());
            });
        if (!asked) (*kept)(Busy());
      });
  if (!posted) (*kept)(Busy());
}

}  // namespace convergia::mgmt
