#include "client/output/output.h"

#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "client/disk/local_file.h"

namespace convergia::client {
namespace {

Output* current = nullptr;

}  // namespace

Output::Output() : before_(std::cout.rdbuf(this)) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  current = this;
}

Output::~Output() {
  sync();
  std::cout.rdbuf(before_);
  current = nullptr;
}

absl::Status Output::Current() { return current == nullptr ? absl::OkStatus() : current->status_; }

absl::Status Output::Close() {
  sync();
  if (close(STDOUT_FILENO) != 0 && errno != EBADF && status_.ok()) {
    status_ = LocalFail(errno, "write", "standard output");
  }
  return status_;
}

Output::int_type Output::overflow(int_type byte) {
  if (sync() != 0) return traits_type::eof();
  if (!traits_type::eq_int_type(byte, traits_type::eof())) {
    sputc(traits_type::to_char_type(byte));
  }
  return traits_type::not_eof(byte);
}

int Output::sync() {
  const char* at = pbase();
  while (status_.ok() && at < pptr()) {
    const ssize_t count = write(STDOUT_FILENO, at, pptr() - at);
    if (count >= 0) {
      at += count;
    } else if (errno == EPIPE) {
      EndByBrokenPipe();
    } else if (errno != EINTR) {
      status_ = LocalFail(errno, "write", "standard output");
    }
  }
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return status_.ok() ? 0 : -1;
}

}  // namespace convergia::client
