#include "exec/world.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "bson/difference.h"
#include "bson/merge.h"
#include "bson/read.h"
#include "ops/naming.h"
#include "ops/operation.h"
#include "ops/take_back.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Oid;
using bson::Value;

namespace {

// By which clients find documents of a dataset.
constexpr std::array<const char*, 2> kNames = {"name", "slug"};

Document without_id(Document document) {
  document.take("_id");
  return document;
}

bool same_name(const Document& a, const Document& b) {
  return std::any_of(kNames.begin(), kNames.end(), [&](const char* key) {
    const auto* name = a.find(key);
    const auto* other = b.find(key);
    return name && other && name->as<std::string>() && *name == *other;
  });
}

// The name and the version of the result are those of `mine`, wherever they
// stand in the others.
void align(Document& document, const Document& mine, std::string_view key) {
  const auto* value = mine.find(key);
  if (value && document.has(key)) document.set(key, *value);
}

}  // namespace

void collect_ids(const Value& value, std::set<Oid>& out) {
  if (const auto* id = value.as<Oid>()) {
    out.insert(*id);
  } else if (const auto* doc = value.as<Document>()) {
    for (const auto& [key, element] : *doc) collect_ids(element, out);
  } else if (const auto* list = value.as<Array>()) {
    for (const auto& item : *list) collect_ids(item, out);
  }
}

Others others_of(const std::vector<OtherDocument>& documents) {
  Others out;
  for (const auto& [collection, document] : documents) {
    if (const auto* id = document.find("_id")) out.emplace(std::pair(collection, id_key(*id)), document);
  }
  return out;
}

Others others_of(const ops::References& references) {
  Others out;
  for (const auto& entry : references.entries()) {
    const std::pair key(entry.collection, id_key(entry.id));
    if (entry.after) {
      out.insert_or_assign(key, *entry.after);
    } else {
      out.erase(key);
    }
  }
  return out;
}

Document merge_worlds(const Document& base, ops::References& base_others, const Document& mine,
                      ops::References& mine_others, const Document& theirs, const Others& theirs_others,
                      std::vector<std::string>& conflicts, const Drawn& drawn) {
  std::set<std::string> collections;
  for (const auto& [key, document] : theirs_others) collections.insert(key.first);
  for (const auto& entry : base_others.entries()) collections.insert(entry.collection);

  std::set<std::pair<std::string, std::string>> renamed;  // theirs that took the place of mine
  const auto find = [&](ops::References& others, const Value& id) -> std::optional<OtherDocument> {
    for (const auto& collection : collections) {
      if (const auto* found = others.find(collection, id)) return OtherDocument{collection, *found};
    }
    return std::nullopt;
  };
  const auto keep_conflicts = [&](const bson::Merged& merged, const std::string& collection) {
    for (const auto& path : merged.conflicts) conflicts.push_back("(" + collection + ")." + path);
  };
  const bson::MergeRule of_drawn = [&](const Value* a, const Value* b, const Value* c) -> std::optional<Value> {
    const auto* id = a ? a->as<Oid>() : nullptr;
    if (!id || !b || !b->as<Oid>() || (c && *a == *c)) return std::nullopt;
    if (drawn.files.contains(*id)) return *b;
    return c && c->as<Oid>() && drawn.ids.contains(*id) ? std::optional(*c) : std::nullopt;
  };
  const auto inner = drawn.ids.empty() && drawn.files.empty() ? bson::MergeRule() : of_drawn;
  const bson::MergeRule by_document = [&](const Value* a, const Value* b, const Value* c) -> std::optional<Value> {
    if (!a || !b || !c || !a->as<Oid>() || !b->as<Oid>()) return std::nullopt;
    const auto base_doc = find(base_others, *a);
    const auto mine_doc = find(mine_others, *b);
    if (!base_doc || !mine_doc || base_doc->collection != mine_doc->collection) return std::nullopt;
    const auto& collection = mine_doc->collection;
    if (c->as<Document>()) {  // the document was part of the dataset
      auto merged =
          bson::merge(without_id(base_doc->document), without_id(mine_doc->document), *c->as<Document>(), inner);
      keep_conflicts(merged, collection);
      return Value(std::move(merged.document));
    }
    const auto found = theirs_others.find({collection, id_key(*c)});
    if (!c->as<Oid>() || found == theirs_others.end() || *b == *c) return std::nullopt;
    auto merged =
        bson::merge(without_id(base_doc->document), without_id(mine_doc->document), without_id(found->second), inner);
    keep_conflicts(merged, collection);
    // An id that theirs shares with base is no older one.
    const auto& id = *a == *c ? *b : *c;
    merged.document.insert(found->second.index_of("_id"), "_id", id);
    if (!(id == *b)) mine_others.remove(collection, *b);
    mine_others.replace(collection, id, std::move(merged.document));
    renamed.insert(found->first);
    return id;
  };
  const bson::MergeRule rule = [&](const Value* a, const Value* b, const Value* c) {
    auto decided = by_document(a, b, c);
    return decided || !inner ? decided : inner(a, b, c);
  };
  auto merged = bson::merge(base, mine, theirs, collections.empty() && !inner ? bson::MergeRule() : rule);
  std::move(merged.conflicts.begin(), merged.conflicts.end(), std::back_inserter(conflicts));

  // Clients find views and workspaces by name: one that was made since keeps it.
  for (const auto& [key, document] : theirs_others) {
    const auto& id = *document.find("_id");
    const auto clashes = [&, &key = key, &document = document](const Value& other) {
      if (!other.as<Oid>() || theirs_others.contains({key.first, id_key(other)})) return false;
      const auto* stands = mine_others.find(key.first, other);
      return stands && same_name(*stands, document);
    };
    for (auto& [path, value] : merged.document) {
      auto* list = value.as<Array>();
      const auto* at = list ? std::find(list->begin(), list->end(), id) : nullptr;
      if (!list || at == list->end() || renamed.contains(key) || mine_others.find(key.first, id)) continue;
      if (std::none_of(list->begin(), list->end(), clashes)) continue;
      conflicts.push_back(path + "." + bson::text_at(document, "name"));
      list->take(static_cast<std::size_t>(at - list->begin()));
    }
  }

  std::set<Oid> named;
  collect_ids(Value(merged.document), named);
  const auto is_named = [&](const Value& id) { return id.as<Oid>() && named.contains(*id.as<Oid>()); };
  for (const auto& [key, document] : theirs_others) {
    const auto& id = *document.find("_id");
    if (renamed.contains(key) || !is_named(id)) continue;
    const auto* a = base_others.find(key.first, id);
    const auto* b = mine_others.find(key.first, id);
    if (!b) {
      if (a) continue;  // deleted since
      mine_others.replace(key.first, id, document);
    } else {
      auto one = bson::merge(a ? *a : *b, *b, document, inner);
      keep_conflicts(one, key.first);
      mine_others.replace(key.first, id, std::move(one.document));
    }
  }
  for (const auto& entry : std::vector(base_others.entries())) {
    const bool made = !entry.before && entry.after && !theirs_others.contains({entry.collection, id_key(entry.id)});
    if (made && !is_named(entry.id)) mine_others.remove(entry.collection, entry.id);
  }
  return std::move(merged.document);
}

DatasetReplay::DatasetReplay(Image image, const Route& route, const RunRecord& run, const PrepareSources& sources)
    : image_(std::move(image)), sources_(sources), now_ms_(run.now_ms), ids_(run.now_ms, run.seed) {
  if (!image_.before) return;
  const auto stored = others_of(image_.others);
  ops::Context context(image_.document, run.now_ms, ids_,
                       [&](const std::string& collection, const Value& id) -> std::optional<Document> {
                         const auto found = stored.find({collection, id_key(id)});
                         return found != stored.end() ? std::optional(found->second) : sources_.fetch(collection, id);
                       });
  context.dataset_name = shown_name(*image_.before);
  context.down = true;
  context.record_displaced = false;
  context.file_has_key = sources_.file_has_key;
  auto dataset = *image_.before;
  auto state = State{dataset, stored};
  for (const auto* revision : route.revisions) {
    context.revision = revision->text;
    ops::apply(steps_of(*revision, Direction::kDown), dataset, context);
    auto after = State{dataset, others_of(context.references)};
    // What the steps have not asked for yet is as it was.
    for (const auto& entry : stored) {
      const auto touched = std::any_of(
          context.references.entries().begin(), context.references.entries().end(),
          [&](const auto& one) { return one.collection == entry.first.first && id_key(one.id) == entry.first.second; });
      if (!touched) after.others.insert(entry);
    }
    states_.emplace(revision->text, std::pair(std::move(state), after));
    state = std::move(after);
  }
  work_ = std::move(context.work);
  for (const auto& patch : context.file_patches) made_files_.insert(id_key(patch.new_id));
}

bool DatasetReplay::open_for(const std::string& revision) const {
  return states_.contains(revision) && std::find(image_.open.begin(), image_.open.end(), revision) != image_.open.end();
}

std::vector<std::string> DatasetReplay::restore(const Revision& revision, const Document& before_step, Document& mine,
                                                ops::Context& context, const RunFacts& facts) const {
  const auto& [theirs, left] = states_.at(revision.text);
  ops::Context scratch(
      context.dataset_id, facts.now_ms, facts.ids,
      [&, &theirs = theirs, &left = left](const std::string& collection, const Value& id) -> std::optional<Document> {
        const auto found = left.others.find({collection, id_key(id)});
        if (found != left.others.end()) return found->second;
        if (theirs.others.contains({collection, id_key(id)})) return std::nullopt;
        return sources_.fetch(collection, id);
      });
  auto base = left.dataset;
  auto old = theirs.dataset;
  align(base, before_step, "version");
  scratch.dataset_name = shown_name(base);
  scratch.revision = revision.text;
  scratch.record_displaced = false;
  scratch.file_has_key = context.file_has_key;
  if (context.naming) {
    const auto* name = before_step.find("name");
    const auto* own = base.find("name");
    const bool renamed = !name || !own || !(*name == *own) || !(context.naming->name == *name);
    scratch.naming = context.naming;
    if (renamed) {
      // Another name has another slug; neither comes back.
      scratch.naming->name = own ? *own : Value();
      if (const auto* slug = old.find("slug"); slug && slug->as<std::string>()) {
        scratch.naming->slug = *slug->as<std::string>();
      }
    }
  }
  ops::apply(steps_of(revision, Direction::kUp), base, scratch);
  align(old, mine, "version");
  std::vector<std::string> conflicts;
  mine = merge_worlds(base, scratch.references, mine, context.references, old, theirs.others, conflicts);
  std::set<Oid> named;
  for (const auto& entry : context.references.entries()) {
    if (entry.after) collect_ids(Value(*entry.after), named);
  }
  std::erase_if(context.file_patches, [&](const ops::FilePatch& patch) { return !named.contains(patch.new_id); });
  return conflicts;
}

DatasetReplay::World DatasetReplay::climb(const std::vector<const Revision*>& up, const std::set<std::string>& giving,
                                          const RunFacts& facts, const Prepared& of) const {
  const auto& left = states_.at(up.front()->text).second;
  const auto known = others_of(image_.others);
  World out{left.dataset, ops::Context(of.id, facts.now_ms, facts.ids,
                                       [&left, known, this](const std::string& collection, const Value& id) {
                                         const std::pair key(collection, id_key(id));
                                         const auto found = left.others.find(key);
                                         if (found != left.others.end()) return std::optional(found->second);
                                         return known.contains(key) ? std::nullopt : sources_.fetch(collection, id);
                                       })};
  auto& context = out.context;
  context.dataset_name = shown_name(out.dataset);
  context.record_displaced = false;
  // Of files that the way down had made, which whoever lifted the dataset may
  // have replaced, it is known.
  context.file_has_key = [this, &of](const Value& file, const std::string& key) {
    return made_files_.contains(id_key(file)) || of.context.file_has_key(file, key);
  };
  if (!out.dataset.has("slug")) {
    const auto* name = out.dataset.find("name");
    ops::NameBook book(facts.now_ms);
    book.add(name, nullptr);
    context.naming = book.choose(name);
  }
  for (const auto* revision : up) {
    context.revision = revision->text;
    const auto before_step = out.dataset;
    ops::apply(steps_of(*revision, Direction::kUp), out.dataset, context);
    if (giving.contains(revision->text)) restore(*revision, before_step, out.dataset, context, facts);
  }
  return out;
}

void DatasetReplay::give_back(const std::vector<Revision>& revisions, const Version& version, const RunFacts& facts,
                              Prepared& dataset) const {
  std::vector<const Revision*> up;
  for (const auto& revision : revisions) {
    if (revision.version > version.base()) break;
    if (!up.empty() || open_for(revision.text)) up.push_back(&revision);
  }
  if (up.empty()) return;
  const auto& left = states_.at(up.front()->text).second;
  std::set<Oid> old;
  collect_ids(Value(left.dataset), old);
  for (const auto& [key, document] : left.others) collect_ids(Value(document), old);
  auto base = climb(up, {}, facts, dataset);
  Drawn drawn;
  collect_ids(Value(base.dataset), drawn.ids);
  for (const auto& entry : base.context.references.entries()) {
    if (!entry.before && entry.after) collect_ids(Value(*entry.after), drawn.ids);
  }
  for (const auto& id : old) drawn.ids.erase(id);
  for (const auto& patch : base.context.file_patches) drawn.files.insert(patch.new_id);
  const auto steps = base.context.work;

  std::set<std::string> giving;
  for (const auto* revision : up) {
    if (!open_for(revision->text)) continue;
    giving.insert(revision->text);
    auto theirs = climb(up, giving, facts, dataset);
    const auto mine = dataset.after;
    Prepared::Restored restored{image_.run, revision->text, {}, {}};
    dataset.after = merge_worlds(base.dataset, base.context.references, mine, dataset.context.references,
                                 theirs.dataset, others_of(theirs.context.references), restored.kept, drawn);
    for (const auto& one : bson::differences(mine, dataset.after)) restored.values.push_back(one.path);
    dataset.restored.push_back(std::move(restored));
    base = std::move(theirs);
  }
  for (auto& one : members(up.front()->version, version, steps)) dataset.members.push_back(std::move(one));
}

std::vector<MemberRestore> DatasetReplay::members(const Route& route, const ops::Context& context) const {
  if (route.revisions.empty()) return {};
  return members(route.revisions.front()->version, Version::parse(route.to), context.work);
}

std::vector<MemberRestore> DatasetReplay::members(const Version& lowest, const Version& to,
                                                  const std::vector<ops::CollectionWork>& up) const {
  std::vector<MemberRestore> out;
  // Down to where the way up starts, and to where it ends.
  std::vector<ops::CollectionWork> down;
  std::vector<ops::CollectionWork> beyond;
  for (const auto& work : work_) {
    const auto revision = Version::parse(work.revision);
    if (revision >= lowest) down.push_back(work);
    if (revision > to.base()) beyond.push_back(work);
  }
  if (down.empty()) return out;
  const auto run = [id = image_.document, now = now_ms_](const std::vector<ops::CollectionWork>& works,
                                                         const std::string& collection, Document member) {
    const ops::IdGenerator no_ids(0, "");
    ops::Context scratch(id, now, no_ids, nullptr);
    scratch.record_displaced = false;
    for (const auto& work : works) ops::there(work, collection, member, scratch);
    return member;
  };
  for (const auto& collection : image_.members) {
    Document owner;
    for (const auto& work : work_) {
      if (work.collection == collection && work.owner_filter) owner = work.filter;
    }
    const auto there_and_up = [=](Document member) {
      return run(up, collection, run(down, collection, std::move(member)));
    };
    out.push_back({image_.run, collection, std::move(owner), there_and_up,
                   [=](Document member, const Document&) { return there_and_up(std::move(member)); },
                   [=](Document member) { return run(beyond, collection, std::move(member)); }});
  }
  return out;
}

}  // namespace fm
