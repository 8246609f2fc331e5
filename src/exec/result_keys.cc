#include "exec/result_keys.h"

#include <algorithm>
#include <map>
#include <optional>

#include "exec/gridfs.h"
#include "exec/prepare.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kAtOnce = 32;

std::string name_of(const Value& file, const std::string& key) { return key + "/" + id_key(file); }

}  // namespace

bool ResultKeys::has(const Value& file, const std::string& key) {
  const auto name = name_of(file, key);
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(name);
    if (found != known_.end()) return found->second;
  }
  const bool has = file_has_key(mongo_, file, key);
  const std::lock_guard lock(mutex_);
  known_.emplace(name, has);
  return has;
}

void ResultKeys::look_up(const std::vector<std::pair<Value, std::string>>& files) {
  for (std::size_t start = 0; start < files.size(); start += kAtOnce) {
    const auto end = std::min(files.size(), start + kAtOnce);
    std::map<std::string, const std::string*> keys;  // by file
    Array ids;
    for (auto i = start; i < end; ++i) {
      if (keys.emplace(id_key(files[i].first), &files[i].second).second) ids.append(files[i].first);
    }
    mongo_.find("fs.chunks", Document{{"files_id", Document{{"$in", std::move(ids)}}}, {"n", 0}}, {},
                [&](bson::View view) {
                  const auto file = view.get("files_id").value_or(Value());
                  const auto key = keys.find(id_key(file));
                  const auto has = key == keys.end() ? std::nullopt : chunk_has_key(view, *key->second);
                  if (!has) return;
                  const std::lock_guard lock(mutex_);
                  known_.emplace(name_of(file, *key->second), *has);
                });
  }
}

}  // namespace fm
