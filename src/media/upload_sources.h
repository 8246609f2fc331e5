// The files of an upload: those that documents name, and what these name in turn.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "media/upload_plan.h"

namespace fm::media {

// `path` below `folder`, or nothing.
std::optional<std::string> below(const std::string& path, const std::string& folder);
std::string folder_of(const std::string& path);

// Throws Error(kPrecondition) with the first of `count` lines.
[[noreturn]] void refuse(const std::string& what, const std::vector<std::string>& lines, std::size_t count,
                         const std::string& remedy);

// Puts files into a plan, with the keys they want.
class UploadSources {
 public:
  UploadSources(UploadPlan& plan, const UploadRequest& request, Stores& stores);

  // Whether a path is one of a file that goes to the destination; else it is left.
  bool goes(const Location& source) const;
  // Looks at objects many at a time, which add() else does one by one.
  void look_at(const std::vector<Location>& objects);
  // A file that document `id` names, with what it names itself, to go into a folder
  // of the destination. What is missing is noted in the plan.
  void add(const Location& source, const std::string& folder, const std::string& id);
  // Throws Error(kPrecondition) for what add() has found to be wrong.
  void check() const;

 private:
  struct Place {
    std::string folder;
    std::optional<std::string> key;  // the only one it can have
  };
  std::optional<std::size_t> put(const Location& source, const Place& place, const std::string& id);
  std::vector<std::size_t> put_assets(const Location& scene, const std::string& key, const Place& place,
                                      const std::string& id);
  void put_references(const Location& file, const std::string& key, const Place& place, const std::string& id);
  std::string relative(const Location& source);
  std::optional<FileState> state(const Location& source);
  std::string whole(const Location& source);

  UploadPlan& plan_;
  const UploadRequest& request_;
  Stores& stores_;
  std::optional<std::string> rel_dir_;
  std::unordered_map<std::string, std::optional<FileState>> looked_;  // at objects
  std::unordered_set<std::string> open_;
  std::vector<std::string> outside_;
  std::vector<std::string> twice_;
};

}  // namespace fm::media
