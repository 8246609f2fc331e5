#include "storage.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "media/storage.h"
#include "work.h"

namespace nb = nanobind;

namespace fm::python {

namespace {

using Paths = std::vector<std::string>;

// The stores that the environment leads to when it is made.
class Files {
 public:
  Files() : stores_(media::MediaConfig(Environment::process())), storage_(stores_) {}
  media::Storage& storage() { return storage_; }
  int workers() const { return stores_.workers(); }
  const std::string& cache_folder() const { return stores_.cache_folder(); }
  std::string root(const std::string& system) const {
    using media::FileSystem;
    for (const auto one : {FileSystem::kS3, FileSystem::kGcs, FileSystem::kAzure, FileSystem::kMinio}) {
      if (system == media::name_of(one)) return stores_.root(one);
    }
    return "";
  }

 private:
  media::Stores stores_;
  media::Storage storage_;
};

// A method of Storage, while other threads of the interpreter go on.
template <class Out, class... In>
auto unlocked(Out (media::Storage::*method)(In...)) {
  return [method](Files& self, std::decay_t<In>... in) {
    const nb::gil_scoped_release free;
    return (self.storage().*method)(in...);
  };
}

nb::bytes read(Files& self, const std::string& path) {
  std::string content;
  {
    const nb::gil_scoped_release free;
    content = self.storage().read_file(path);
  }
  return nb::bytes(content.data(), content.size());
}

void write(Files& self, const std::string& path, const nb::bytes& content) {
  const std::string own(content.c_str(), content.size());
  const nb::gil_scoped_release free;
  self.storage().write_file(path, own);
}

media::ListOptions options_of(bool abs_paths, bool recursive, bool hidden, bool sort) {
  return {.abs_paths = abs_paths, .recursive = recursive, .include_hidden_files = hidden, .sort = sort};
}

// [(path, size, ms since 1970 or -1)]
nb::list files_in(Files& self, const std::string& folder, bool abs_paths, bool recursive, bool hidden, bool sort) {
  std::vector<media::Storage::File> found;
  {
    const nb::gil_scoped_release free;
    found = self.storage().files_in(folder, options_of(abs_paths, recursive, hidden, sort));
  }
  nb::list out;
  for (const auto& file : found) {
    out.append(nb::make_tuple(nb::str(file.path.c_str(), file.path.size()), file.size, file.modified_ms));
  }
  return out;
}

Paths list_subdirs(Files& self, const std::string& folder, bool abs_paths, bool recursive) {
  const nb::gil_scoped_release free;
  return self.storage().list_subdirs(folder, options_of(abs_paths, recursive, false, true));
}

using Failures = std::vector<media::BulkFailure>;

// [(index, error)] of those that failed.
nb::list bulk(nb::handle listener, bool skip_failures,
              const std::function<Failures(const media::BulkOptions& options)>& work) {
  Failures failures;
  run_work(listener, [&](Reports& reports) {
    media::BulkOptions options;
    options.skip_failures = skip_failures;
    options.progress = [&](std::size_t done, std::size_t total) {
      reports.progress("files", static_cast<std::int64_t>(done), static_cast<std::int64_t>(total));
    };
    failures = work(options);
  });
  nb::list out;
  for (const auto& failure : failures) out.append(nb::make_tuple(failure.index, failure.error.c_str()));
  return out;
}

nb::list copy_files(Files& self, nb::handle listener, const Paths& from, const Paths& to, bool skip_failures) {
  return bulk(listener, skip_failures,
              [&](const media::BulkOptions& options) { return self.storage().copy_files(from, to, options); });
}
nb::list move_files(Files& self, nb::handle listener, const Paths& from, const Paths& to, bool skip_failures) {
  return bulk(listener, skip_failures,
              [&](const media::BulkOptions& options) { return self.storage().move_files(from, to, options); });
}
nb::list delete_files(Files& self, nb::handle listener, const Paths& paths, bool skip_failures) {
  return bulk(listener, skip_failures,
              [&](const media::BulkOptions& options) { return self.storage().delete_files(paths, options); });
}

}  // namespace

void bind_storage(nb::module_& module) {
  using media::Storage;
  nb::class_<Files>(module, "Files")
      .def(nb::init<>())
      .def_prop_ro("workers", &Files::workers)
      .def_prop_ro("cache_folder", &Files::cache_folder)
      .def("root", &Files::root)
      .def("file_system",
           [](Files& self, const std::string& path) {
             return std::string(media::name_of(self.storage().get_file_system(path)));
           })
      .def("split_prefix", [](Files& self, const std::string& path) { return self.storage().split_prefix(path); })
      .def("bucket_name", [](Files& self, const std::string& path) { return self.storage().get_bucket_name(path); })
      .def("normalize", [](Files& self, const std::string& path) { return self.storage().normalize_path(path); })
      .def("is_file", unlocked(&Storage::is_file))
      .def("is_dir", unlocked(&Storage::is_dir))
      .def("size", unlocked(&Storage::file_size))
      .def("read", &read)
      .def("write", &write)
      .def("files_in", &files_in)
      .def("list_subdirs", &list_subdirs)
      .def("list_buckets", unlocked(&Storage::list_buckets))
      .def("copy_file", unlocked(&Storage::copy_file))
      .def("move_file", unlocked(&Storage::move_file))
      .def("delete_file", unlocked(&Storage::delete_file))
      .def("copy_files", &copy_files)
      .def("move_files", &move_files)
      .def("delete_files", &delete_files);
}

}  // namespace fm::python
