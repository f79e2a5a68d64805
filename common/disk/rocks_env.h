#pragma once

#include <rocksdb/env.h>

#include <memory>

#include "common/disk/disk.h"

namespace convergia::disk {

// An Env with which RocksDB uses `disk`, so that faults of `disk` hit the database too. Threads and
// time are the machine's. RocksDB's warnings go to the node's log. `disk` must outlive it.
std::unique_ptr<rocksdb::Env> MakeRocksEnv(Disk& disk);

}  // namespace convergia::disk
