// Files of a backup: every failure names its path, and a full disk what to do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fm::dump {

class OutputFile {
 public:
  // A new file.
  explicit OutputFile(const std::string& path, unsigned mode = 0600);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  void write(std::string_view bytes);
  // To the disk.
  void sync();
  void close();

 private:
  std::string path_;
  int descriptor_;
  std::int64_t written_ = 0;
  std::int64_t begun_ = 0;  // to be brought to the disk
};

class InputFile {
 public:
  // Throws Error(kMismatch) when there is no such file.
  explicit InputFile(const std::string& path);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();

  const std::string& path() const { return path_; }
  // Appends up to `most` bytes; false at the end.
  bool read(std::string& into, std::size_t most);

 private:
  std::string path_;
  int descriptor_;
};

// The whole file. Throws Error(kMismatch) when there is none.
std::string read_file(const std::string& path);

// The folder in which a backup or an archive grows, beside the one it will be.
// Nobody else writes there meanwhile. It goes with its content unless it was
// published.
class Staging {
 public:
  // Throws Error(kPrecondition) when `directory` is there and not empty (unless
  // it is to be replaced), when another run is writing to the same place, or
  // when what is in the way is not of ours. Remains of a killed run are replaced.
  explicit Staging(const std::string& directory, bool replace = false);
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging();

  const std::string& path() const { return path_; }
  // Absolute, as it will be.
  const std::string& target() const { return target_; }
  void make_folder(const std::string& name) const;
  std::uint64_t free_bytes() const;
  // Brings all to the disk, adds `content` as the last file and renames. A folder
  // that is replaced changes places with the new one, and then goes.
  void publish(const std::string& name, const std::string& content, unsigned mode = 0600);

 private:
  void remove() noexcept;

  std::string target_;
  std::string path_;
  bool replace_ = false;
  int lock_ = -1;
};

}  // namespace fm::dump
