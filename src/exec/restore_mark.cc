#include "exec/restore_mark.h"

#include "base/text.h"
#include "bson/read.h"

namespace fm {

using bson::Array;
using bson::Document;

std::optional<RestoreMark> RestoreMark::read(Mongo& mongo) {
  const auto stored = mongo.find_one(kRestoreMark, Document{{"_id", "restore"}});
  if (!stored) return std::nullopt;
  RestoreMark out;
  out.directory = bson::text_at(*stored, "directory");
  out.manifest = bson::text_at(*stored, "manifest");
  out.begun_ms = bson::date_at(*stored, "begun").value_or(0);
  const auto* waits = stored->find("waits");
  out.waits = waits && waits->truthy();
  for (const auto* move : bson::documents_at(*stored, "moves")) {
    out.moves.push_back({bson::text_at(*move, "from"), bson::text_at(*move, "to"), bson::text_at(*move, "uuid")});
  }
  out.drops = bson::strings_at(*stored, "drops");
  return out;
}

void RestoreMark::write(Mongo& mongo) const {
  Array list;
  for (const auto& move : moves) list.append(Document{{"from", move.from}, {"to", move.to}, {"uuid", move.uuid}});
  mongo.upsert(kRestoreMark, {Document{{"_id", "restore"}}, Document{{"_id", "restore"},
                                                                     {"directory", directory},
                                                                     {"manifest", manifest},
                                                                     {"begun", bson::Date{begun_ms}},
                                                                     {"moves", std::move(list)},
                                                                     {"drops", Array::of(drops)},
                                                                     {"waits", waits}}});
}

void RestoreMark::remove(Mongo& mongo) {
  mongo.remove_durably(kRestoreMark, "restore");
  mongo.drop(kRestoreMark);
}

std::string RestoreMark::text() const {
  return "a restore of " + directory + ", begun " + utc_text(begun_ms) +
         ", was cut off while it put collections in their places: some are old, others new";
}

std::string RestoreMark::remedy() const { return "'fiftyone-migrator restore " + directory + "' finishes it."; }

void refuse_while_restoring(Mongo& mongo) {
  const auto mark = RestoreMark::read(mongo);
  if (!mark) return;
  throw Error(Exit::kPrecondition, "Nothing can be done here yet: " + mark->text(), mark->remedy());
}

}  // namespace fm
