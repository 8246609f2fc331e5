#include "media/upload_plan.h"

#include <filesystem>

#include "base/error.h"
#include "bson/json.h"
#include "media/leaves.h"
#include "media/remap.h"
#include "media/selection.h"
#include "media/upload_names.h"
#include "media/upload_sources.h"

namespace fm::media {

using bson::Array;
using bson::Document;

namespace {

std::string id_of(const Document& document) {
  const auto& id = *document.find("_id");
  if (const auto* oid = id.as<bson::Oid>()) return oid->hex();
  if (const auto* text = id.as<std::string>()) return *text;
  return bson::to_relaxed_json(Document{{"_id", id}});
}

Location destination_of(const UploadRequest& request, const Stores& stores) {
  auto out = stores.locate(without_slash(request.destination));
  if (out.local() && request.destination.find("://") != std::string::npos) {
    throw Error(Exit::kUsage, "'" + request.destination + "' begins with no scheme that is known",
                "Known are s3://, gs://, https://ACCOUNT.blob.core.windows.net/, and what MINIO_ALIAS, "
                "MINIO_ENDPOINT_URL, AZURE_ALIAS and AZURE_STORAGE_ACCOUNT_URL name.");
  }
  if (out.system == FileSystem::kHttp) {
    throw Error(Exit::kUsage, "'" + request.destination + "' is on the web, not in an object store");
  }
  if (!out.local() && out.bucket().empty()) {
    throw Error(Exit::kUsage, "'" + request.destination + "' names no bucket");
  }
  return out;
}

class Planner {
 public:
  Planner(Mongo& mongo, const MediaDataset& dataset, const UploadRequest& request, Stores& stores)
      : mongo_(mongo), dataset_(dataset), request_(request), stores_(stores), selection_(mongo, dataset, request) {
    plan_.destination = destination_of(request, stores);
  }

  UploadPlan make(const Manifest* manifest) {
    plan_.fields = select_fields(dataset_, request_.fields);
    UploadSources sources(plan_, request_, stores_);
    for (const bool frames : {false, true}) read(frames, sources);
    add_objects(sources);
    if (request_.overwrite) {
      for (const bool frames : {false, true}) spare(frames);
    }
    sources.check();
    if (request_.dedupe) leave_out_equal_files(plan_, stores_);
    auto& store = stores_.at(plan_.destination);
    store.check_attributes(request_.attributes);
    if (!plan_.destination.local() || std::filesystem::exists(plan_.destination.key)) {
      store.list(plan_.destination.key, true,
                 [&](const ObjectStore::Entry& entry) { plan_.present.emplace(entry.key, entry.size); });
    }
    give_names(plan_, request_, stores_, manifest);
    return std::move(plan_);
  }

 private:
  struct Named {
    Location object;
    std::string folder;
    std::string id;
  };

  void read(bool frames, UploadSources& sources) {
    Document projection{{"_id", 1}};
    std::vector<const MediaField*> fields;
    for (const auto& field : plan_.fields) {
      if (field.frames != frames) continue;
      fields.push_back(&field);
      projection.set(top_of(field.path), 1);
    }
    if (fields.empty()) return;
    FindOptions options;
    options.projection = projection;
    for (const auto& filter : selection_.filters(frames)) {
      mongo_.find(frames ? dataset_.frames : dataset_.samples, filter, options, [&](const bson::View& view) {
        const auto document = view.decode();
        for (const auto* field : fields) {
          for (const auto& text : texts_at(document, field->path)) take(text, *field, document, sources);
        }
      });
    }
  }

  void take(const std::string& text, const MediaField& field, const Document& document, UploadSources& sources) {
    if (text.empty()) return;
    const auto source = stores_.locate(text);
    if (!sources.goes(source)) {
      ++plan_.remote_paths;
      if (source.root == plan_.destination.root) plan_.taken.insert(source.key);
      return;
    }
    ++plan_.paths;
    if (plan_.by_local.contains(source.path())) return;
    if (source.local()) return sources.add(source, folder_for(field), id_of(document));
    if (seen_.insert(source.path()).second) objects_.push_back({source, folder_for(field), id_of(document)});
  }

  std::string folder_for(const MediaField& field) const {
    const auto& base = plan_.destination.key;
    const auto folder = field.folder ? *field.folder : plan_.fields.size() > 1 ? field.name : "";
    return folder.empty() ? base : join(base, folder);
  }

  // Objects that are copied come behind the files: looking at them waits for the
  // network, so it is done for all of them at once.
  void add_objects(UploadSources& sources) {
    std::vector<Location> all;
    for (const auto& one : objects_) all.push_back(one.object);
    sources.look_at(all);
    for (const auto& one : objects_) sources.add(one.object, one.folder, one.id);
  }

  // What any field of any document names below the destination is not overwritten.
  void spare(bool frames) {
    const auto pattern = Remap({{plan_.destination.path(), "-"}}).pattern();
    Document projection{{"_id", 1}};
    Array any;
    std::vector<const MediaField*> fields;
    for (const auto& field : dataset_.fields) {
      if (field.frames != frames) continue;
      fields.push_back(&field);
      projection.set(top_of(field.path), 1);
      any.append(Document{{field.path, Document{{"$regex", pattern}}}});
    }
    if (fields.empty()) return;
    FindOptions options;
    options.projection = projection;
    mongo_.find(frames ? dataset_.frames : dataset_.samples, Document{{"$or", any}}, options,
                [&](const bson::View& view) {
                  const auto document = view.decode();
                  for (const auto* field : fields) {
                    for (const auto& text : texts_at(document, field->path)) {
                      const auto location = stores_.locate(text);
                      if (location.root == plan_.destination.root) plan_.taken.insert(location.key);
                    }
                  }
                });
  }

  Mongo& mongo_;
  const MediaDataset& dataset_;
  const UploadRequest& request_;
  Stores& stores_;
  Selection selection_;
  UploadPlan plan_;
  std::vector<Named> objects_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

UploadPlan plan_upload(Mongo& mongo, const MediaDataset& dataset, const UploadRequest& request, Stores& stores,
                       const Manifest* manifest) {
  return Planner(mongo, dataset, request, stores).make(manifest);
}

}  // namespace fm::media
