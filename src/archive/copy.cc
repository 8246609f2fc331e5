#include "archive/copy.h"

#include "archive/database_reader.h"
#include "archive/intake.h"
#include "archive/names.h"
#include "archive/tags.h"
#include "base/error.h"
#include "exec/heads.h"

namespace fm::archive {

namespace {

class DatabaseOrigin final : public Origin {
 public:
  DatabaseOrigin(Mongo& mongo, const std::string& name) : reader_(mongo, name) {
    reader_.read_tags([&](const bson::Document&) { has_tags_ = true; });
  }

  const Contents& contents() override { return reader_.contents(); }
  std::int64_t document_bytes() override { return reader_.document_bytes(); }
  std::unique_ptr<DocumentSource> samples(std::size_t) override { return reader_.samples(); }
  std::unique_ptr<DocumentSource> frames(std::size_t) override { return reader_.frames(); }
  void read_results(const RunResults& results, const std::function<void(std::string_view)>& visit) override {
    reader_.read_results(results, visit);
  }
  bool has_tags() override { return has_tags_; }
  void read_tags(const std::function<void(const bson::Document&)>& visit) override {
    reader_.read_tags([&](const bson::Document& tag) { visit(tag_record(tag)); });
  }
  std::vector<MediaField> media(const bson::Document&, bool) override { return {}; }
  std::string folder() override { return ""; }
  std::string fingerprint() override { return reader_.fingerprint(); }
  // Two readings of a database need not have the same one.
  bool has_order() override { return false; }
  std::string changed_since() override { return reader_.changed_since(); }

 private:
  DatabaseReader reader_;
  bool has_tags_ = false;
};

// Databases are told apart by what the server says, as two URIs may name one.
void refuse_itself(Mongo& from, Mongo& to) {
  const auto identity = database_identity(from);
  if (identity.empty() || identity != database_identity(to)) return;
  throw Error(Exit::kUsage, "The copy would take the place of the dataset that it is made of",
              "Choose another name with --name, or another database with --to and --to-database.");
}

}  // namespace

ImportReport copy_dataset(Mongo& from, Mongo& to, const CopyRequest& request, const Observer& observer) {
  require_utf8(request.name, "The name", "Names are UTF-8: see dataset list.");
  DatabaseOrigin origin(from, request.name);
  auto into = request.into;
  if (!into.name) into.own_name = true;
  if (into.overwrite && into.name.value_or(request.name) == request.name) refuse_itself(from, to);
  into.keep_times = true;
  return take_in(to, origin, into, observer);
}

}  // namespace fm::archive
