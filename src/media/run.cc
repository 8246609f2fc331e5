#include "media/run.h"

#include <chrono>

#include "base/error.h"
#include "base/hash.h"
#include "base/machine.h"
#include "base/text.h"
#include "bson/read.h"

namespace fm::media {

using bson::Document;

namespace {

constexpr const char* kRuns = "migrator.media";

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Run decode(const Document& document) {
  Run run;
  run.id = bson::text_at(document, "_id");
  run.kind = bson::text_at(document, "kind");
  run.state = bson::text_at(document, "state");
  run.name = bson::text_at(document, "name");
  run.started_ms = bson::date_at(document, "started").value_or(0);
  run.undo = bson::text_at(document, "undo");
  if (const auto* id = document.find("dataset")) run.dataset = *id;
  if (const auto* request = document.find("request"); request && request->as<Document>()) {
    run.request = *request->as<Document>();
  }
  const auto* fields = document.find("fields");
  const auto* list = fields ? fields->as<bson::Array>() : nullptr;
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    const auto* field = (*list)[i].as<Document>();
    if (!field) continue;
    const auto* frames = field->find("frames");
    run.fields.push_back({bson::text_at(*field, "name"), bson::text_at(*field, "path"), frames && frames->truthy()});
  }
  return run;
}

}  // namespace

std::string Run::records(bool frames) const {
  return std::string(kRuns) + "." + id + (frames ? ".frames" : ".samples");
}

std::vector<MediaField> Run::fields_of(bool frames) const {
  std::vector<MediaField> out;
  for (const auto& field : fields) {
    if (field.frames == frames) out.push_back(field);
  }
  return out;
}

std::optional<Run> Runs::unfinished(const MediaDataset& dataset) {
  const auto found = mongo_.find_one(
      kRuns, Document{{"dataset", dataset.id}, {"state", Document{{"$in", bson::Array{"running", "undoing"}}}}});
  return found ? std::optional<Run>(decode(*found)) : std::nullopt;
}

Run Runs::begin(const std::string& kind, const MediaDataset& dataset, const std::vector<MediaField>& fields,
                const Document& request) {
  if (auto run = unfinished(dataset)) {
    if (run->state == "running" && run->kind == kind && run->request == request && run->fields == fields) {
      record(run->id, "media " + kind, run->request);
      return *run;
    }
    throw Error(
        Exit::kPrecondition, "Run " + run->id + " (" + run->kind + ") of dataset '" + dataset.name + "' has not ended",
        "Repeat its command, which finishes it, or take it back with `fiftyone-migrator media undo " + run->id + "`.");
  }
  bson::Array list;
  for (const auto& field : fields) {
    list.append(Document{{"name", field.name}, {"path", field.path}, {"frames", field.frames}});
  }
  const auto now = now_ms();
  const Document document{{"_id", run_id(now, random_bytes(16))},
                          {"kind", kind},
                          {"dataset", dataset.id},
                          {"name", dataset.name},
                          {"fields", list},
                          {"request", request},
                          {"state", "running"},
                          {"started", bson::Date{now}},
                          {"host", host_name()}};
  mongo_.insert(kRuns, {document});
  auto run = decode(document);
  Document details{{"dataset", dataset.name}, {"undo", "fiftyone-migrator media undo " + run.id}};
  for (const auto& [key, value] : request) details.append(key, value);
  record(run.id, "media " + kind, std::move(details));
  return run;
}

void Runs::record(const std::string& id, const std::string& kind, Document details) {
  RunStart start{id, kind, origin_, "", "", 1, {}, {}};
  start.details = std::move(details);
  History(mongo_).begin(start);
  begun_ = std::chrono::steady_clock::now();
}

RunEnd Runs::end_of(const std::string& state, std::int64_t documents) const {
  RunEnd end{state};
  end.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  if (state == "done") end.done = 1;
  if (documents > 0) end.details.append("documents", documents);
  return end;
}

void Runs::set_state(const Run& run, const std::string& state, const Document& more) {
  Document change{{"state", state}, {"changed", bson::Date{now_ms()}}};
  for (const auto& [key, value] : more) change.append(key, value);
  mongo_.update(kRuns, {Update(Document{{"_id", run.id}}, Document{{"$set", std::move(change)}})});
}

void Runs::done(const Run& run, std::int64_t documents) {
  set_state(run, "done");
  History(mongo_).end(run.id, end_of("done", documents));
}

void Runs::broken_off(const Run& run, const Error& error) {
  note_end(error, [&] {
    const auto state = state_after(error);
    if (state != "interrupted") set_state(run, "done");
    auto end = end_of(state, 0);
    end.error = error;
    History(mongo_).end(run.id, end);
  });
}

Run Runs::begin_undo(const Run& run) {
  auto out = run;
  if (out.undo.empty()) out.undo = run_id(now_ms(), random_bytes(16));
  set_state(run, "undoing", Document{{"undo", out.undo}});
  record(out.undo, "media undo", Document{{"dataset", run.name}, {"undoes", run.id}});
  return out;
}

void Runs::undone(const Run& run, std::int64_t documents, bool whole) {
  // What was skipped can be looked at, and taken back later, while records are there.
  if (whole) drop_records(run);
  set_state(run, whole ? "undone" : "done");
  History history(mongo_);
  history.end(run.undo, end_of("done", documents));
  if (whole) history.undone(run.id, run.undo);
}

void Runs::undo_broken_off(const Run& run, const Error& error) {
  note_end(error, [&] {
    auto end = end_of(state_after(error), 0);
    end.error = error;
    History(mongo_).end(run.undo, end);
  });
}

Run Runs::find(const std::string& id) {
  if (const auto found = mongo_.find_one(kRuns, Document{{"_id", id}})) return decode(*found);
  std::string known;
  for (const auto& run : all()) {
    known += (known.empty() ? "The newest ones: " : ", ") + run.id + " (" + run.kind + " of '" + run.name + "', " +
             run.state + ")";
    if (known.size() > 400) break;
  }
  throw Error(Exit::kNotFound, "There is no media run '" + id + "' in this database",
              known.empty() ? "No run has changed paths here." : known + ".");
}

std::vector<Run> Runs::all() {
  std::vector<Run> out;
  FindOptions options;
  options.sort = Document{{"_id", -1}};
  mongo_.find(kRuns, {}, options, [&](const bson::View& view) { out.push_back(decode(view.decode())); });
  return out;
}

void Runs::drop_records(const Run& run) {
  const auto present = mongo_.collection_names();
  for (const bool frames : {false, true}) {
    if (present.contains(run.records(frames))) mongo_.drop(run.records(frames));
  }
}

}  // namespace fm::media
