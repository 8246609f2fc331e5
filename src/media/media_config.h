// Where credentials and endpoints of object stores come from (spec: media 7):
// environment, else the media cache config, else the ini file that one of both
// names. What a provider finds by itself (roles, profiles, default credentials)
// is left to it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/environment.h"
#include "media/location.h"
#include "media/store_config.h"

namespace fm::media {

class MediaConfig {
 public:
  // Reads the files. Throws Error(kUsage) for one that was named and cannot be
  // read, for what is no JSON or ini, and for a profile that is not there; the
  // errors quote no value.
  explicit MediaConfig(const Environment& environment);

  Location locate(std::string_view path) const { return media::locate(path, roots_, home_); }
  // The provider of a location that is not local or on the web.
  StoreConfig store(const Location& location) const;
  // What paths of a provider begin with; the longest where settings give several,
  // empty where none says where it is.
  std::string root(FileSystem system) const;
  int workers() const { return workers_; }
  // The folder of the media cache; nothing looks whether it is there.
  const std::string& cache_folder() const { return cache_folder_; }

 private:
  void read_s3(const Environment& environment);
  void read_minio(const Environment& environment);
  void read_azure(const Environment& environment);
  void read_gcs(const Environment& environment);
  std::string setting(const Environment& environment, const char* variable, const char* key) const;
  void add_root(FileSystem system, const std::string& root);

  std::string home_;
  std::map<std::string, std::string> file_;  // the media cache config
  std::vector<Root> roots_;
  int workers_ = 16;
  std::string cache_folder_;
  std::string ca_file_;
  StoreConfig s3_;
  StoreConfig minio_;
  StoreConfig azure_;
  StoreConfig gcs_;
};

// One section of an ini file as Python's configparser reads it: "%%" is "%",
// "%(name)s" the value of `name`. Throws Error(kUsage) naming the file, the
// section or the line.
std::map<std::string, std::string> read_ini(const std::string& file, const std::string& section);

}  // namespace fm::media
