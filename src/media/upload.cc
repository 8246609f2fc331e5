#include "media/upload.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/hash.h"
#include "bson/json.h"
#include "media/leaves.h"
#include "media/path_writer.h"
#include "media/run.h"
#include "media/selection.h"
#include "media/transfer.h"

namespace fm::media {

using namespace std::chrono_literals;

using bson::Document;
using bson::Value;

namespace {

using State = FileResult::State;

constexpr std::int64_t kPage = 500;
constexpr auto kTick = 200ms;

const char* name_of(State state) {
  switch (state) {
    case State::kUploaded:
      return "uploaded";
    case State::kCopied:
      return "copied";
    case State::kAdopted:
      return "adopted";
    case State::kKnown:
      return "known";
    case State::kFailed:
      return "failed";
    case State::kWaiting:
      break;
  }
  return "waiting";
}

// Threads that work through the plan in its order.
class Crew {
 public:
  Crew(UploadPlan& plan, Transfer& transfer, const UploadRequest& request, const FileReport& report)
      : plan_(plan), transfer_(transfer), request_(request), report_(report) {}
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() {
    halt();
    for (auto& thread : threads_) thread.join();
  }

  // The smallest file goes first and alone: what is wrong for all of them shows
  // before anything else is sent. Begins it; nothing when there are only scenes.
  std::optional<std::size_t> scout() {
    for (std::size_t i = 0; i < plan_.files.size(); ++i) {
      if (plan_.files[i].scene) continue;
      if (!scouted_ || plan_.files[i].state.size < plan_.files[*scouted_].state.size) scouted_ = i;
    }
    if (scouted_) threads_.emplace_back([this] { work(*scouted_); });
    return scouted_;
  }

  void start(int count) {
    const auto threads = std::min<std::size_t>(static_cast<std::size_t>(count), plan_.files.size());
    for (std::size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this] {
        while (!halted_) {
          const auto index = next_++;
          if (index >= plan_.files.size()) return;
          if (index != scouted_) work(index);
        }
      });
    }
  }

  // True once all of them have ended, or will not any more.
  bool wait(const std::vector<std::size_t>& files, std::chrono::milliseconds longest) {
    std::unique_lock lock(mutex_);
    std::size_t at = 0;
    return ended_.wait_for(lock, longest, [&] {
      while (at < files.size() && transfer_.done(files[at])) ++at;
      return halted_ || at == files.size();
    });
  }
  bool wait_for_all(std::chrono::milliseconds longest) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, longest, [&] { return halted_ || done_ == plan_.files.size(); });
  }

  void halt() {
    halted_ = true;
    transfer_.stop();
    const std::lock_guard lock(mutex_);
    ended_.notify_all();
  }
  std::size_t done() const { return done_; }
  void join() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void work(std::size_t index) {
    std::exception_ptr failure;
    try {
      const auto result = transfer_.run(index);
      const std::lock_guard lock(mutex_);
      auto file = plan_.files[index];
      file.remote = stores_location(index, file);
      report_(file, name_of(result.state), result.error);
      if (result.state == State::kFailed && request_.stop_on_failure) {
        throw Error(Exit::kFailed, "Uploading '" + file.local + "': " + result.error);
      }
    } catch (...) {
      failure = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      ++done_;
      if (failure && !failure_) failure_ = failure;
      ended_.notify_all();
    }
    if (failure) halt();
  }

  // As it is once the file is done: names may change on the way.
  Location stores_location(std::size_t index, const PlannedFile& file) const {
    auto out = file.remote;
    out.key = transfer_.remote_path(index).substr(out.root.size());
    return out;
  }

  UploadPlan& plan_;
  Transfer& transfer_;
  const UploadRequest& request_;
  const FileReport& report_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> done_ = 0;
  std::atomic<bool> halted_ = false;
  std::optional<std::size_t> scouted_;
  std::exception_ptr failure_;
};

class Upload {
 public:
  Upload(Mongo& mongo, const MediaDataset& dataset, const UploadRequest& request, UploadPlan& plan, Stores& stores,
         Manifest* manifest, const std::function<void(const UploadProgress&)>& progress, const FileReport& report)
      : mongo_(mongo),
        dataset_(dataset),
        request_(request),
        plan_(plan),
        stores_(stores),
        selection_(mongo, dataset, request),
        runs_(mongo, request.origin),
        transfer_(plan, request, stores, manifest),
        crew_(plan, transfer_, request, report),
        progress_(progress) {}

  UploadReport run() {
    try {
      work();
    } catch (const Error& error) {
      if (run_) runs_.broken_off(*run_, error);
      throw;
    }
    if (run_) runs_.done(*run_, report_.documents);
    return report();
  }

 private:
  void work() {
    if (const auto scout = crew_.scout()) {
      while (!crew_.wait({*scout}, kTick)) tell();
      crew_.join();
      crew_.rethrow();
    }
    crew_.start(stores_.workers());
    if (request_.update) {
      for (const bool frames : {false, true}) write_paths(frames);
    }
    while (!crew_.wait_for_all(kTick)) tell();
    crew_.join();
    tell();
    // What failed for all is thrown once everything that succeeded is written.
    crew_.rethrow();
  }

  void tell() {
    progress_({static_cast<std::int64_t>(crew_.done()), static_cast<std::int64_t>(plan_.files.size()),
               transfer_.bytes_done(), plan_.bytes - transfer_.bytes_kept()});
  }

  void write_paths(bool frames) {
    std::vector<MediaField> fields;
    for (const auto& field : plan_.fields) {
      if (field.frames == frames) fields.push_back(field);
    }
    if (fields.empty()) return;
    const auto& collection = frames ? dataset_.frames : dataset_.samples;
    std::optional<PathWriter> writer;
    for (const auto& filter : selection_.filters(frames)) {
      std::optional<Value> last;
      // Page by page: a cursor would not outlive the transfer of a large file.
      while (true) {
        const auto page = read_page(collection, filter, fields, last);
        if (page.empty()) break;
        last = *page.back().find("_id");
        wait_for(page, fields);
        for (const auto& document : page) add(document, fields, collection, frames, writer);
        if (writer) writer->flush();
        tell();
      }
    }
    if (!writer) return;
    report_.documents += writer->written();
    report_.changed += writer->changed();
  }

  std::vector<Document> read_page(const std::string& collection, const Document& filter,
                                  const std::vector<MediaField>& fields, const std::optional<Value>& last) {
    FindOptions options;
    options.projection = Document{{"_id", 1}, {"last_modified_at", 1}};
    for (const auto& field : fields) options.projection->set(top_of(field.path), 1);
    options.sort = Document{{"_id", 1}};
    options.hint = Document{{"_id", 1}};
    options.limit = kPage;
    if (last) {
      options.min = Document{{"_id", *last}};
      options.limit = kPage + 1;
    }
    std::vector<Document> out;
    mongo_.find(collection, filter, options, [&](const bson::View& view) {
      auto document = view.decode();
      if (!last || *document.find("_id") != *last) out.push_back(std::move(document));
    });
    return out;
  }

  std::optional<std::size_t> file_of(const std::string& text) const {
    const auto found = plan_.by_local.find(stores_.locate(text).path());
    return found == plan_.by_local.end() ? std::nullopt : std::optional<std::size_t>(found->second);
  }

  void wait_for(const std::vector<Document>& page, const std::vector<MediaField>& fields) {
    std::vector<std::size_t> files;
    for (const auto& document : page) {
      for (const auto& field : fields) {
        for (const auto& text : texts_at(document, field.path)) {
          if (const auto file = file_of(text)) files.push_back(*file);
        }
      }
    }
    while (!crew_.wait(files, kTick)) tell();
  }

  void add(const Document& document, const std::vector<MediaField>& fields, const std::string& collection, bool frames,
           std::optional<PathWriter>& writer) {
    // A field goes as a whole or not at all.
    std::vector<MediaField> whole;
    for (const auto& field : fields) {
      bool any = false;
      bool all = true;
      for (const auto& text : texts_at(document, field.path)) {
        const auto file = file_of(text);
        const bool there = file && transfer_.result(*file).good();
        any = any || there;
        all = all && (there || (!file && !stores_.locate(text).local()));
      }
      if (any && all) whole.push_back(field);
    }
    if (whole.empty()) return;
    if (!run_) run_ = runs_.begin("upload", dataset_, plan_.fields, described());
    if (!writer) writer.emplace(mongo_, *run_, collection, frames);
    writer->add(document, whole, [&](const std::string& text) -> std::optional<std::string> {
      const auto file = file_of(text);
      if (!file) return std::nullopt;
      return transfer_.remote_path(*file);
    });
  }

  Document described() const {
    Document out{{"destination", request_.destination}};
    if (request_.rel_dir) out.append("rel_dir", *request_.rel_dir);
    if (request_.copy_remote) out.append("copy_remote", true);
    for (const auto& field : plan_.fields) {
      if (field.folder) out.append(field.name, *field.folder);
    }
    if (request_.samples) {
      Sha256 hash;
      for (const auto& id : *request_.samples) hash.update(bson::to_relaxed_json(Document{{"_id", id}}));
      out.append("samples", to_hex(hash.finish()));
    }
    return out;
  }

  UploadReport report() {
    report_.run = run_ ? run_->id : "";
    report_.clashes = plan_.clashes;
    report_.bytes = transfer_.bytes_done();
    for (std::size_t i = 0; i < plan_.files.size(); ++i) {
      const auto result = transfer_.result(i);
      if (result.state == State::kUploaded) ++report_.uploaded;
      if (result.state == State::kCopied) ++report_.copied;
      if (result.state == State::kAdopted) ++report_.adopted;
      if (result.state == State::kKnown) ++report_.known;
      if (result.state != State::kFailed) continue;
      ++report_.failed;
      report_.failures.push_back({plan_.files[i].local, transfer_.remote_path(i), result.error});
    }
    return std::move(report_);
  }

  Mongo& mongo_;
  const MediaDataset& dataset_;
  const UploadRequest& request_;
  UploadPlan& plan_;
  Stores& stores_;
  Selection selection_;
  Runs runs_;
  Transfer transfer_;
  Crew crew_;
  const std::function<void(const UploadProgress&)>& progress_;
  std::optional<Run> run_;
  UploadReport report_;
};

}  // namespace

UploadReport upload(Mongo& mongo, const MediaDataset& dataset, const UploadRequest& request, UploadPlan& plan,
                    Stores& stores, Manifest* manifest, const std::function<void(const UploadProgress&)>& progress,
                    const FileReport& file_report) {
  return Upload(mongo, dataset, request, plan, stores, manifest, progress, file_report).run();
}

}  // namespace fm::media
