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

// The folder in which a backup or an archive grows, beside what it will be:
// TARGET.partial. It bears a mark, and is locked while somebody works there. It
// goes with its content unless it was published.
class Staging {
 public:
  // An archive is a folder that can be asked to be replaced.
  enum class Target { kFolder, kArchive, kFile };

  // Throws Error(kPrecondition) when there is something at `target` (unless it
  // is an empty folder, or to be replaced), when another run is writing to the
  // same place, or when what is in the way is not of ours. Remains of a killed
  // run go. Where `target` is a link, what it leads to is meant.
  explicit Staging(const std::string& target, bool replace = false, Target kind = Target::kFolder);
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging();

  const std::string& path() const { return path_; }
  // Absolute, as it will be.
  const std::string& target() const { return target_; }
  void make_folder(const std::string& name) const;
  std::uint64_t free_bytes() const;
  // kFolder. Brings all to the disk, adds `content` as the last file and renames.
  // A folder that is replaced changes places with the new one, and then goes.
  void publish(const std::string& name, const std::string& content, unsigned mode = 0600);
  // kFile. Brings this file of the folder to the disk and renames it; the rest goes.
  void publish_file(const std::string& name);

 private:
  void check_target(bool replace, Target kind) const;
  void exchange();
  void remove() noexcept;

  std::string target_;
  std::string path_;
  bool replace_ = false;
  int lock_ = -1;
};

}  // namespace fm::dump
