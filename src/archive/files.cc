#include "archive/files.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "backup/disk.h"

namespace fm::archive {

namespace fs = std::filesystem;

namespace {

fs::file_status look_at(const std::string& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (error != std::errc::permission_denied) return status;
  throw unreadable(path, error.value());
}

}  // namespace

Error unreadable(const std::string& path, int number) {
  const auto what = "Could not read " + path + ": " + std::strerror(number);
  if (number != EACCES && number != EPERM) return Error(Exit::kMismatch, what);
  return Error(Exit::kPrecondition, what, "Let the user that runs this read it, and enter the folders above.");
}

bool is_file(const std::string& path) { return fs::is_regular_file(look_at(path)); }

bool is_folder(const std::string& path) { return fs::is_directory(look_at(path)); }

std::int64_t file_size(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : static_cast<std::int64_t>(size);
}

void read_pieces(const std::string& path, const std::function<void(std::string_view)>& visit) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  if (!is_file(path)) throw Error(Exit::kMismatch, "There is no file " + path, "The archive is incomplete.");
  dump::InputFile file(path);
  std::string piece;
  while (file.read(piece, kPiece)) {
    visit(piece);
    piece.clear();
  }
}

std::string read_whole(const std::string& path) {
  std::string out;
  read_pieces(path, [&](std::string_view piece) { out += piece; });
  return out;
}

}  // namespace fm::archive
