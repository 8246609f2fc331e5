#include "archive/packed.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "archive/files.h"
#include "archive/paths.h"
#include "backup/disk.h"
#include "base/error.h"

namespace fm::archive {

namespace fs = std::filesystem;

namespace {

// Longest first.
constexpr std::array<const char*, 7> kEndings = {".tar.bz2", ".tar.gz", ".tar.bz", ".tgz", ".tbz", ".zip", ".tar"};
// What only libarchive and other programs know; none of it is written here.
constexpr std::array<const char*, 7> kOthers = {".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.lz", ".7z", ".rar"};
constexpr const char* kMark = ".unpacked-from";
constexpr std::size_t kBlock = std::size_t{256} << 10;

// Names are UTF-8, whatever the environment says.
class Utf8Names {
 public:
  Utf8Names() : locale_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), before_(uselocale(locale_)) {}
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;
  ~Utf8Names() {
    uselocale(before_);
    if (locale_) freelocale(locale_);
  }

 private:
  locale_t locale_;
  locale_t before_;
};

struct CloseRead {
  void operator()(struct archive* a) const { archive_read_free(a); }
};
struct CloseWrite {
  void operator()(struct archive* a) const { archive_write_free(a); }
};
struct FreeEntry {
  void operator()(struct archive_entry* e) const { archive_entry_free(e); }
};

Error damaged(const std::string& file, const std::string& what) {
  return Error(Exit::kMismatch, file + ": " + what, "The file is damaged, or was not made by an export.");
}

std::string text_of(struct archive* a) {
  const char* text = archive_error_string(a);
  return text ? text : "unknown error";
}

// Tells one state of the packed file from others.
std::string identity(const std::string& file) {
  std::error_code ignored;
  return std::to_string(file_size(file)) + " " +
         std::to_string(fs::last_write_time(file, ignored).time_since_epoch().count()) + "\n";
}

// metadata.json at the top, or in the one folder there. What macOS adds to a zip
// does not count.
std::string root_of(const std::string& folder, const std::string& file) {
  if (is_file(folder + "/metadata.json")) return folder;
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory() && entry.path().filename() != "__MACOSX") folders.push_back(entry.path().filename());
  }
  std::sort(folders.begin(), folders.end());
  if (folders.size() == 1 && is_file(folder + "/" + folders.front() + "/metadata.json")) {
    return folder + "/" + folders.front();
  }
  std::string what = "there is no metadata.json at its top";
  if (folders.size() == 1) what += " or in " + folders.front();
  if (folders.size() > 1) what += ", and more than one folder: " + folders[0] + ", " + folders[1];
  throw Error(Exit::kMismatch, file + " holds no archive, or more than one: " + what,
              "Unpack it, and name the folder that holds metadata.json.");
}

std::string in_small_letters(std::string text) {
  for (auto& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

void write_entry(struct archive* from, const std::string& file, const std::string& path, const Observer& observer) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  dump::OutputFile out(path, 0666);
  std::string block(kBlock, '\0');
  while (true) {
    observer.checkpoint();
    const auto count = archive_read_data(from, block.data(), block.size());
    if (count < 0) throw damaged(file, text_of(from));
    if (count == 0) break;
    out.write(std::string_view(block).substr(0, static_cast<std::size_t>(count)));
  }
  out.close();
}

void unpack_all(const std::string& file, const std::string& folder, const Observer& observer) {
  const Utf8Names names;
  const std::unique_ptr<struct archive, CloseRead> from(archive_read_new());
  archive_read_support_filter_all(from.get());
  archive_read_support_format_tar(from.get());
  archive_read_support_format_zip(from.get());
  if (archive_read_open_filename(from.get(), file.c_str(), kBlock) != ARCHIVE_OK) {
    throw damaged(file, text_of(from.get()));
  }
  while (true) {
    struct archive_entry* entry = nullptr;
    const int result = archive_read_next_header(from.get(), &entry);
    if (result == ARCHIVE_EOF) return;
    if (result < ARCHIVE_WARN) throw damaged(file, text_of(from.get()));
    const char* name = archive_entry_pathname(entry);
    if (!name) name = archive_entry_pathname_utf8(entry);
    const std::string path = name ? name : "";
    const auto plain = fs::path(path).lexically_normal();
    const bool top = plain == "." || plain == "./" || plain.empty();
    if (top && archive_entry_filetype(entry) == AE_IFDIR) continue;
    if (!stays_within(path)) throw damaged(file, "an entry leads out of the folder: '" + path + "'");
    const bool link = archive_entry_hardlink(entry) || archive_entry_symlink(entry);
    const auto type = archive_entry_filetype(entry);
    if (link || (type != AE_IFREG && type != AE_IFDIR)) {
      throw damaged(file, "an entry is neither a file nor a folder: '" + path + "'");
    }
    const auto target = folder + "/" + plain.string();
    if (type == AE_IFDIR) {
      fs::create_directories(target);
    } else {
      write_entry(from.get(), file, target, observer);
    }
  }
}

void set_format(struct archive* to, const std::string& name) {
  const auto file = in_small_letters(name);
  if (file.ends_with(".zip")) {
    archive_write_set_format_zip(to);
    return;
  }
  archive_write_set_format_pax_restricted(to);
  if (file.ends_with(".gz") || file.ends_with(".tgz")) archive_write_add_filter_gzip(to);
  if (file.ends_with(".bz") || file.ends_with(".tbz") || file.ends_with(".bz2")) archive_write_add_filter_bzip2(to);
}

}  // namespace

std::optional<std::string> unpacked_name(const std::string& path) {
  const auto small = in_small_letters(path);
  for (const char* ending : kEndings) {
    const auto length = std::string_view(ending).size();
    if (small.ends_with(ending) && path.size() > length) return path.substr(0, path.size() - length);
  }
  return std::nullopt;
}

bool is_other_packed(const std::string& path) {
  const auto small = in_small_letters(path);
  return std::any_of(kOthers.begin(), kOthers.end(), [&](const char* ending) { return small.ends_with(ending); });
}

std::string unpack(const std::string& file_name, bool& fresh, const Observer& observer) {
  const auto file = absolute(file_name);
  const auto folder = *unpacked_name(file);
  fresh = false;
  if (!is_file(file)) throw Error(Exit::kNotFound, "There is no file " + file);
  const auto mark = folder + "/" + kMark;
  if (fs::exists(fs::symlink_status(folder))) {
    if (is_file(mark) && read_whole(mark) == identity(file)) return root_of(folder, file);
    throw Error(Exit::kPrecondition, folder + " is in the way: " + file + " is unpacked to there",
                "Import that folder, or move it away.");
  }
  const auto parent = fs::path(folder).parent_path().string();
  if (::access(parent.c_str(), W_OK) != 0) {
    throw Error(Exit::kPrecondition, "Could not write to " + parent + ": " + std::strerror(errno),
                "An archive is unpacked beside itself, where its media stay: put it into a folder of yours.");
  }
  dump::Staging staging(folder);
  const auto root = unpack_into(file, staging.path(), observer);
  const auto inner = fs::path(root).lexically_relative(staging.path());
  staging.publish(kMark, identity(file), 0666);
  fresh = true;
  return inner == "." ? folder : folder + "/" + inner.string();
}

void remove_unpacked(const std::string& file) {
  std::error_code ignored;
  fs::remove_all(*unpacked_name(absolute(file)), ignored);
}

std::string unpack_into(const std::string& file, const std::string& folder, const Observer& observer) {
  unpack_all(file, folder, observer);
  return root_of(folder, file);
}

void pack(const std::string& folder, const std::string& file, const Observer& observer) {
  const Utf8Names names;
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_directory() && !entry.is_symlink()) continue;
    if (!entry.is_regular_file() || entry.is_symlink()) {
      throw Error(Exit::kMismatch, entry.path().string() + " is neither a file nor a folder, and cannot be packed",
                  "Name a folder instead of one file.");
    }
    paths.push_back(fs::relative(entry.path(), folder).string());
  }
  std::sort(paths.begin(), paths.end());
  const auto failed = [&](struct archive* to) {
    return Error(Exit::kPrecondition, "Could not write " + file + ": " + text_of(to), "Make room there.");
  };
  const std::unique_ptr<struct archive, CloseWrite> to(archive_write_new());
  set_format(to.get(), file);
  if (archive_write_open_filename(to.get(), file.c_str()) != ARCHIVE_OK) throw failed(to.get());
  for (const auto& path : paths) {
    const std::unique_ptr<struct archive_entry, FreeEntry> entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_size(entry.get(), file_size(folder + "/" + path));
    if (archive_write_header(to.get(), entry.get()) < ARCHIVE_WARN) throw failed(to.get());
    read_pieces(folder + "/" + path, [&](std::string_view piece) {
      observer.checkpoint();
      if (archive_write_data(to.get(), piece.data(), piece.size()) < 0) throw failed(to.get());
    });
  }
  if (archive_write_close(to.get()) != ARCHIVE_OK) throw failed(to.get());
}

}  // namespace fm::archive
