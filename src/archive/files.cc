#include "archive/files.h"

#include <filesystem>

#include "backup/disk.h"
#include "base/error.h"

namespace fm::archive {

namespace fs = std::filesystem;

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

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
