#include "archive/opened.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "archive/paths.h"
#include "base/error.h"

namespace fm::archive {

namespace fs = std::filesystem;

namespace {

void remove_folder(const std::string& path) {
  std::error_code ignored;
  if (!path.empty()) fs::remove_all(path, ignored);
}

}  // namespace

Glimpse::Glimpse(const std::string& path, const Observer& observer) : folder_(path) {
  if (!Opened::is_packed(path)) return;
  const auto file = absolute(path);
  if (!is_file(file)) throw Error(Exit::kNotFound, "There is no file " + file);
  std::error_code error;
  const auto folder = fs::temp_directory_path(error).string();
  auto name = folder + "/fiftyone-migrator-XXXXXX";
  if (error || !::mkdtemp(name.data())) {
    const auto* named = std::getenv("TMPDIR");
    throw Error(Exit::kPrecondition,
                error ? "There is no folder for temporary files: TMPDIR names '" + std::string(named ? named : "") + "'"
                      : "Could not make a temporary folder in " + folder + ": " + std::strerror(errno),
                "A packed archive is looked at there: let TMPDIR name a folder that can be written to.");
  }
  temporary_ = name;
  try {
    folder_ = unpack_into(file, temporary_, observer);
  } catch (const Error& failure) {
    remove_folder(temporary_);
    if (failure.code() != Exit::kPrecondition) throw;
    throw Error(failure.code(), failure.what(), "It is unpacked in TMPDIR: let that name a folder with room for it.");
  } catch (...) {
    remove_folder(temporary_);
    throw;
  }
}

Glimpse::~Glimpse() { remove_folder(temporary_); }

}  // namespace fm::archive
