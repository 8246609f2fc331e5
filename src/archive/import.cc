#include "archive/import.h"

#include <chrono>
#include <future>
#include <stop_token>

#include "archive/archive_reader.h"
#include "archive/intake.h"
#include "archive/names.h"
#include "archive/opened.h"
#include "archive/paths.h"
#include "base/error.h"

namespace fm::archive {

namespace {

class ArchiveOrigin final : public Origin {
 public:
  ArchiveOrigin(Opened& opened, const ArchiveOptions& options, const Observer& observer)
      : opened_(opened), observer_(observer), reader_(opened.folder(), options) {}
  ~ArchiveOrigin() override { stop_.request_stop(); }

  // Compares the sums of all files in a thread of its own, until check().
  void begin_check() {
    sums_ = std::async(std::launch::async, [this] { reader_.check_sums(stop_.get_token()); });
  }
  void check() override {
    if (!sums_.valid()) return;
    while (sums_.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) observer_.checkpoint();
    sums_.get();
  }
  const Contents& contents() override { return reader_.contents(); }
  std::int64_t document_bytes() override { return reader_.document_bytes(); }
  std::unique_ptr<DocumentSource> samples(std::size_t workers) override { return reader_.samples(workers); }
  std::unique_ptr<DocumentSource> frames(std::size_t workers) override { return reader_.frames(workers); }
  void read_results(const RunResults& results, const std::function<void(std::string_view)>& visit) override {
    reader_.read_results(results, visit);
  }
  bool has_tags() override { return reader_.has_tags(); }
  void read_tags(const std::function<void(const bson::Document&)>& visit) override { reader_.read_tags(visit); }
  std::vector<MediaField> media(const bson::Document& dataset, bool frames) override {
    return reader_.media(dataset, frames);
  }
  std::string folder() override { return reader_.folder(); }
  std::string fingerprint() override { return reader_.fingerprint(); }
  void keep_media() override { opened_.keep(true); }
  ArchiveReader& reader() { return reader_; }

 private:
  Opened& opened_;
  const Observer& observer_;
  ArchiveReader reader_;
  std::stop_source stop_;
  std::future<void> sums_;  // last: uses the others
};

}  // namespace

ImportReport import_dataset(Mongo& mongo, const ImportRequest& request, const Observer& observer) {
  if (!request.rel_dir) {
    require_utf8(request.path, "The folder of the archive, which is put in front of paths,",
                 "Rename it, or name another with --rel-dir.");
  }
  Opened opened(request.path, false, observer);
  ArchiveOrigin origin(opened, {request.assume_version}, observer);
  if (origin.reader().manifest()) {
    observer.begin("Checking the files");
    origin.begin_check();
  }
  auto with_folder = request;
  if (request.rel_dir) with_folder.rel_dir = absolute(*request.rel_dir);
  auto report = take_in(mongo, origin, with_folder, observer);
  const auto& warnings = origin.reader().warnings();
  report.warnings.insert(report.warnings.begin(), warnings.begin(), warnings.end());
  return report;
}

}  // namespace fm::archive
