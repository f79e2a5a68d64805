#include "tests/tidy/source_tree.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace convergia::tidy {
namespace {

namespace fs = std::filesystem;

bool IsSkippedDirectory(absl::string_view name) {
  return absl::StartsWith(name, ".") || absl::StartsWith(name, "bazel-") ||
         name == "corpus";  // Bytes for parsers, not text for people.
}

bool IsText(const fs::path& path) {
  const std::string name = path.filename().string();
  if (absl::StartsWith(name, ".")) return false;
  const std::string extension = path.extension().string();
  for (const absl::string_view known :
       {".h", ".cc", ".proto", ".bazel", ".bzl", ".md", ".sh", ".txt"}) {
    if (extension == known) return true;
  }
  return extension.empty();  // WORKSPACE, and the scripts in tools/.
}

SourceFile ReadFile(const fs::path& path, const fs::path& root) {
  std::ifstream in(path, std::ios::binary);
  return {path.lexically_relative(root).generic_string(),
          std::string(std::istreambuf_iterator<char>(in), {})};
}

}  // namespace

absl::StatusOr<SourceTree> ReadSourceTree(const std::string& root) {
  SourceTree tree;
  std::error_code error;
  fs::recursive_directory_iterator it(root, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::error_code vanished;  // An editor's file may go while we look.
    if (it->is_symlink(vanished)) {
      it.disable_recursion_pending();
    } else if (it->is_directory(vanished)) {
      if (IsSkippedDirectory(it->path().filename().string())) it.disable_recursion_pending();
    } else if (it->is_regular_file(vanished) && IsText(it->path())) {
      tree.push_back(ReadFile(it->path(), root));
    }
  }
  if (error) return absl::NotFoundError(absl::StrCat(root, ": ", error.message()));
  std::sort(tree.begin(), tree.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return tree;
}

absl::string_view BaseName(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

absl::string_view DirName(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? absl::string_view() : path.substr(0, slash);
}

bool IsCxx(absl::string_view path) {
  return absl::EndsWith(path, ".h") || absl::EndsWith(path, ".cc");
}

bool IsTestCode(absl::string_view path) {
  if (absl::StartsWith(path, "tests/") || absl::StrContains(path, "/testing/")) return true;
  const std::string name = absl::StrCat("_", BaseName(path));
  for (const absl::string_view word :
       {"_test.", "_test_", "_testing.", "_fake_", "_suite", "_fixture."}) {
    if (absl::StrContains(name, word)) return true;
  }
  return false;
}

}  // namespace convergia::tidy
