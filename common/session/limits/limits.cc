#include "common/session/limits/limits.h"

#include <unistd.h>

namespace convergia::session {

size_t QuarterOfMemory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_bytes <= 0) return size_t{256} * 1024 * 1024;
  return static_cast<size_t>(pages) / 4 * static_cast<size_t>(page_bytes);
}

}  // namespace convergia::session
