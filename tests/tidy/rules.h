#pragma once

#include <vector>

#include "tests/tidy/source_tree.h"

// The rules that a compiler does not know. Each looks at the whole tree and returns every breach;
// each has a test with a sample that breaks it, since a rule that cannot fail checks nothing.
namespace convergia::tidy {

// The allowed includes: rooms (role rooms never one another, common rooms only the floors below)
// and third-party libraries (each only where it belongs).
std::vector<Finding> CheckWalls(const SourceTree& tree);

// Folders that are too large (15 units, some 2,000 lines without tests), sources in a folder
// without a build file, and targets that only tests use outside testing/.
std::vector<Finding> CheckRooms(const SourceTree& tree);

// Two folders of one subsystem ("common/rpc/...") that include each other, tests aside.
std::vector<Finding> CheckDirections(const SourceTree& tree);

// Targets of a role that another role may depend on: each sees its own rooms only. Tests, bench and
// tools, which put whole servers together, see what the build files show them.
std::vector<Finding> CheckVisibility(const SourceTree& tree);

// Functions of more than 70 lines; files of more than 600 unless their first comment says why.
std::vector<Finding> CheckSizes(const SourceTree& tree);

// Sleeping in tests, and std::this_thread's anywhere: await the event.
std::vector<Finding> CheckSleeps(const SourceTree& tree);

// Reading the clock anywhere but in common/base/clock.cc: take a Clock.
std::vector<Finding> CheckClocks(const SourceTree& tree);

// Headers without #pragma once, and spellings that this house does not use (std::string_view).
std::vector<Finding> CheckSpelling(const SourceTree& tree);

// Words of work left undone, in any file.
std::vector<Finding> CheckWords(const SourceTree& tree);

// Lines of C++ over 100 columns, blanks at the end of a line, no line break at the end of a file.
std::vector<Finding> CheckLines(const SourceTree& tree);

// C++ and protos that no build file names.
std::vector<Finding> CheckDeadFiles(const SourceTree& tree);

// Targets with sources that are built without the house's warnings.
std::vector<Finding> CheckWarnings(const SourceTree& tree);

// Documents that do not begin with a title.
std::vector<Finding> CheckTitles(const SourceTree& tree);

// Words in comments and documents that are hard to read for many people. The rule has the list.
std::vector<Finding> CheckSentences(const SourceTree& tree);

// Types and files with a name that another word has replaced (docs/GLOSSARY.md).
std::vector<Finding> CheckOldNames(const SourceTree& tree);

// Documents that name a file or a folder which is not there.
std::vector<Finding> CheckPaths(const SourceTree& tree);

// The command tables of edge and mgmt against the headings of docs/PROTOCOL.md: same words.
std::vector<Finding> CheckCommands(const SourceTree& tree);

}  // namespace convergia::tidy
