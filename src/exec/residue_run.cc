#include "exec/residue_run.h"

#include "bson/read.h"

namespace fm {

using bson::Array;
using bson::Document;

std::string part_of_run(const std::string& run, const std::string& service) { return run + "." + service; }

std::string run_of_part(const std::string& part) { return part.substr(0, part.find('.')); }

bool is_part(const std::string& run) { return run.find('.') != std::string::npos; }

RunRecord record_of(std::string run, std::int64_t now_ms, std::string seed, std::string target) {
  RunRecord out;
  out.run = std::move(run);
  out.now_ms = now_ms;
  out.seed = std::move(seed);
  out.target = std::move(target);
  return out;
}

Document encoded(const RunRecord& run) {
  Document record{{"_id", Document{{"run", run.run}}}, {"kind", run.repair ? "repair" : "run"}, {"seq", run.seq},
                  {"now", bson::Date{run.now_ms}},     {"seed", bson::Binary{0, run.seed}},     {"target", run.target}};
  if (run.config) {
    record.append("config", *run.config);
    record.append("database", run.database);
  }
  if (run.undoes) record.append("undoes", *run.undoes);
  if (!run.brought_back.empty()) record.append("brought_back", Array::of(run.brought_back));
  if (!run.services.empty()) {
    Document services{{"up", Array::of(run.services.up)}, {"down", Array::of(run.services.down)}};
    if (!run.services.cas_database.empty()) {
      services.append("main_database", run.services.main_database);
      services.append("cas_database", run.services.cas_database);
      services.append("cas_identity", run.services.cas_identity);
    }
    record.append("services", std::move(services));
  }
  if (run.version) {
    record.append("version", *run.version);
    record.append("from", run.from);
    record.append("to", run.to);
  }
  if (!run.dropped.empty()) record.append("dropped", run.dropped);
  if (!run.made.empty()) record.append("made", run.made);
  if (!run.own.empty()) record.append("own", run.own);
  return record;
}

RunRecord run_of(const Document& record) {
  const auto text = [&](const char* key) {
    auto found = bson::text_at(record, key);
    return found.empty() ? std::nullopt : std::optional<std::string>(std::move(found));
  };
  RunRecord out;
  out.run = bson::text_at(record, "_id.run");
  out.seq = bson::integer_at(record, "seq");
  out.now_ms = bson::date_at(record, "now").value_or(0);
  if (const auto* seed = record.find("seed"); seed && seed->as<bson::Binary>()) {
    out.seed = seed->as<bson::Binary>()->data;
  }
  out.target = bson::text_at(record, "target");
  if (const auto* config = record.find("config"); config && config->as<Document>()) {
    out.config = *config->as<Document>();
  }
  out.database = bson::text_at(record, "database");
  out.undoes = text("undoes");
  out.undone_by = text("undone_by");
  out.brought_back = bson::strings_at(record, "brought_back");
  out.repair = bson::text_at(record, "kind") == "repair";
  if (const auto* services = record.find("services"); services && services->as<Document>()) {
    out.services = {bson::strings_at(record, "services.up"), bson::strings_at(record, "services.down"),
                    bson::text_at(record, "services.main_database"), bson::text_at(record, "services.cas_database"),
                    bson::text_at(record, "services.cas_identity")};
  }
  if (const auto* version = record.find("version"); version && version->as<Document>()) {
    out.version = *version->as<Document>();
  }
  out.from = bson::text_at(record, "from");
  out.to = bson::text_at(record, "to");
  if (const auto* list = record.find("dropped"); list && list->as<Array>()) out.dropped = *list->as<Array>();
  if (const auto* list = record.find("made"); list && list->as<Array>()) out.made = *list->as<Array>();
  out.own = bson::array_at(record, "own");
  return out;
}

}  // namespace fm
