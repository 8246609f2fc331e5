// Whole revisions on realistic datasets, in process: a revision that runs twice
// has run once, and the labels of the ways down are true.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "property/datasets.h"
#include "unit/choice.h"
#include "unit/json.h"

namespace fm {
namespace {

using bson::Array;
using bson::Document;
using bson::Value;

const std::vector<Revision>& revisions() { return built_in_catalogue().datasets; }

class Revisions : public testing::Test {
 protected:
  Revisions() { begin_choices(); }
};

void equal(const FakeDatabase& found, const FakeDatabase& expected, const FakeDatabase& start,
           const std::string& what) {
  if (found == expected) return;
  const auto differing = [](const FakeDatabase& one, const FakeDatabase& other) {
    FakeDatabase out;
    if (!(one.dataset == other.dataset)) out.dataset = one.dataset;
    for (const auto& [name, docs] : one.collections) {
      const auto same = other.collections.find(name);
      if (same == other.collections.end() || same->second != docs) out.collections[name] = docs;
    }
    return out.text();
  };
  RC_LOG() << what << "\nstart:\n"
           << differing(start, found) << "expected:\n"
           << differing(expected, found) << "found:\n"
           << differing(found, expected);
  RC_FAIL(what);
}

// ---- The same but for what the specification allows to differ.

Document in_key_order(const Document& doc) {
  std::vector<bson::Element> elements(doc.begin(), doc.end());
  std::sort(elements.begin(), elements.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  Document out;
  for (auto& element : elements) out.append(element.key, element.value);
  return out;
}

// What one way and back may change although nothing is lost.
FakeDatabase settled(FakeDatabase db, const std::string& revision) {
  for (auto& [name, docs] : db.collections) {
    if (!name.starts_with("samples.")) continue;
    for (auto& doc : docs) {
      if (revision == "0.6.5") doc = in_key_order(doc);  // the place of _media_type
      if (revision == "0.7.2") {                         // the summary of frames has another shape when it is rebuilt
        doc.take("frames");
      }
    }
  }
  if (revision == "0.7.2") {  // the place of the field
    auto* fields = db.dataset.find("sample_fields")->as<Array>();
    for (std::size_t i = 0; i < fields->size(); ++i) {
      if (*(*fields)[i].as<Document>()->find("name") == Value("frames")) {
        fields->append(fields->take(i));
        break;
      }
    }
  }
  return db;
}

// Twice is once, in the direction; returns the result.
FakeDatabase moved(const FakeDatabase& start, const Revision& revision, bool up) {
  auto once = start;
  migrate(once, revision, up);
  auto twice = once;
  migrate(twice, revision, up);
  equal(twice, once, start, revision.text + (up ? " up" : " down") + " twice is not once");
  return once;
}

void check_way_back(const FakeDatabase& newer, const FakeDatabase& older, const Revision& revision) {
  if (revision.down_label != DownLabel::kExact) return;
  auto back = older;
  migrate(back, revision, true);
  equal(settled(back, revision.text), settled(newer, revision.text), newer,
        revision.text + " down and up is not the start");
}

// From before all revisions up to today, and at every age once down.
RC_GTEST_FIXTURE_PROP(Revisions, FromTheOldest, ()) {
  auto db = ancient_dataset(Content::kRandom, pick<std::string>({"image", "video", ""}));
  for (const auto& revision : revisions()) {
    const auto newer = moved(db, revision, true);
    const auto older = moved(newer, revision, false);
    check_way_back(newer, older, revision);
    if (revision.down_label == DownLabel::kExact && !revision.down.empty() && !revision.up.empty()) {
      equal(settled(older, revision.text), settled(db, revision.text), db,
            revision.text + " up and down is not the start");
    }
    db = newer;
    use(db, revision.text, Content::kRandom);
  }
  RC_ASSERT(db.dataset.has("slug"));
}

// From today down as far as it goes, and at every age once up.
RC_GTEST_FIXTURE_PROP(Revisions, FromToday, ()) {
  auto db = modern_dataset(Content::kRandom, pick<std::string>({"image", "video", "video", "group", ""}));
  for (auto revision = revisions().rbegin(); revision != revisions().rend(); ++revision) {
    FakeDatabase older;
    try {
      older = moved(db, *revision, false);
    } catch (const Error& error) {
      RC_ASSERT(error.code() == Exit::kPrecondition);
      RC_ASSERT(revision->text == "0.17.0");
      RC_ASSERT(*db.dataset.find("media_type") == Value("group"));
      return;
    }
    check_way_back(db, older, *revision);
    moved(older, *revision, true);
    db = older;
  }
  RC_ASSERT(!db.dataset.has("slug"));
}

// ---- Ways down that lose something: for each a dataset that really does.

struct Loss {
  std::string media_type = "image";
  // Makes the dataset of that age one that loses; the full one does without.
  std::function<void(FakeDatabase&)> edit;
  // Whether the lost value is there.
  std::function<bool(const FakeDatabase&)> has;
  bool told = true;  // when going down
};

bool truthy(const FakeDatabase& db, const char* path) {
  const auto* value = bson::Path(path).find(db.dataset);
  return value && value->truthy();
}

// A value of the sample field with that name.
const Value* of_field(const FakeDatabase& db, const char* name, const char* key) {
  for (const auto& item : *db.dataset.find("sample_fields")->as<Array>()) {
    const auto* field = item.as<Document>();
    if (*field->find("name") == Value(name)) return field->find(key);
  }
  return nullptr;
}

bool has_dynamic_attribute(const FakeDatabase& db) {
  const auto* fields = of_field(db, "my Polyline", "fields");
  return fields && bson::shown(Document{{"", *fields}}).find("a dynamic attribute") != std::string::npos;
}

// Any run of that kind holds the value.
bool run_has(const FakeDatabase& db, const char* kind, const char* key) {
  const auto* runs = db.dataset.find(kind);
  if (!runs || !runs->as<Document>()) return false;
  for (const auto& [name, run] : *runs->as<Document>()) {
    const auto* doc = run.as<Document>();
    if (doc && doc->has(key) && doc->find(key)->truthy()) return true;
  }
  return false;
}

std::function<bool(const FakeDatabase&)> there(const char* path) {
  return [path](const FakeDatabase& db) { return truthy(db, path); };
}

const std::map<std::string, Loss>& losses() {
  static const std::map<std::string, Loss> kLosses = {
      {"0.6.2",
       {"image",
        [](FakeDatabase& db) {
          db.collections.begin()->second[0].set(
              "lossy", json(R"({"_cls": "Polyline", "points": [[[0.5, 0.5]], [[1.5, 1.5]]]})"));
        },
        [](const FakeDatabase& db) {
          const auto& samples = db.collections.at("samples.0123456789abcdef01234567");
          return std::any_of(samples.begin(), samples.end(), [](const Document& sample) {
            const auto* points = bson::Path("lossy.points").find(sample);
            return points && points->as<Array>()->size() == 2;
          });
        }}},
      {"0.7.3", {"image", {}, there("evaluations")}},
      {"0.7.4", {"image", {}, there("brain_methods")}},
      {"0.8.0", {"image", {}, there("classes.f")}},
      {"0.9.4",
       {"image",
        {},
        [](const FakeDatabase& db) {
          const auto* name = of_field(db, "sample_id", "db_field");
          return name && *name == Value("_sample_id");
        }}},
      {"0.11.2", {"image", {}, [](const FakeDatabase& db) { return run_has(db, "evaluations", "version"); }}},
      {"0.13.0", {"image", {}, there("annotation_runs")}},
      {"0.14.0", {"image", {}, there("created_at")}},
      {"0.15.1", {"image", {}, there("skeletons.f")}},
      {"0.16.0", {"image", {}, has_dynamic_attribute}},
      // Nothing is written on the way down; coming up again overwrites the nested
      // fields, as the original does.
      {"0.16.1", {"image", {}, has_dynamic_attribute, false}},
      {"0.16.3", {"image", {}, there("tags")}},
      {"0.17.0", {"image", {}, there("app_config.plugins.map")}},
      {"0.18.0",
       {"image",
        {},
        [](const FakeDatabase& db) {
          const auto* description = of_field(db, "filepath", "description");
          return description && description->truthy();
        }}},
      {"0.19.0", {"image", {}, there("saved_views")}},
      {"0.20.0",
       {"image",
        [](FakeDatabase& db) {
          auto& groups = *bson::Path("app_config.sidebar_groups").find(db.dataset)->as<Array>();
          groups[0].as<Document>()->set("paths", Array{"tags", "mine"});
        },
        [](const FakeDatabase& db) {
          const auto& groups = *bson::Path("app_config.sidebar_groups").find(db.dataset)->as<Array>();
          return *groups[0].as<Document>()->find("paths") == Value(Array{"tags", "mine"});
        }}},
      {"0.23.0", {"image", {}, there("runs")}},
      {"1.4.0",
       {"image",
        [](FakeDatabase& db) {
          db.collections["delegated_ops"] = {{{"_id", 1},
                                              {"dataset_id", *db.dataset.find("_id")},
                                              {"run_link", "http://link"},
                                              {"log_path", "a.log"}}};
        },
        [](const FakeDatabase& db) { return db.collections.at("delegated_ops")[0].has("run_link"); }}},
      {"1.13.0", {"image", {}, there("label_schemas")}},
  };
  return kLosses;
}

// A dataset of today at that age.
FakeDatabase lowered_to(const Revision& revision, const std::string& media_type) {
  auto db = modern_dataset(Content::kFull, media_type);
  for (auto newer = revisions().rbegin(); newer->version > revision.version; ++newer) migrate(db, *newer, false);
  return db;
}

// The same from the other side, with what clients of that age add.
FakeDatabase full_at(const Revision& revision, const std::string& media_type) {
  auto db = ancient_dataset(Content::kFull, media_type);
  for (const auto& older : revisions()) {
    migrate(db, older, true);
    use(db, older.text, Content::kFull);
    if (older.version == revision.version) break;
  }
  return db;
}

class Labels : public testing::TestWithParam<std::string> {};

TEST_P(Labels, LossyOnesLose) {
  const auto revision =
      std::find_if(revisions().begin(), revisions().end(), [&](const auto& r) { return r.text == GetParam(); });
  ASSERT_NE(revision, revisions().end());
  EXPECT_EQ(revision->down_label, DownLabel::kLossy);
  const auto& loss = losses().at(GetParam());
  int lost = 0;
  for (auto db : {lowered_to(*revision, loss.media_type), full_at(*revision, loss.media_type)}) {
    if (loss.edit) loss.edit(db);
    if (!loss.has(db)) continue;
    const auto down = migrate(db, *revision, false);
    EXPECT_EQ(down.lost(), loss.told) << "going down tells what is lost";
    migrate(db, *revision, true);
    EXPECT_FALSE(loss.has(db));
    ++lost;
  }
  EXPECT_GT(lost, 0) << "no dataset of that age holds what would be lost";
}

std::vector<std::string> lossy_revisions() {
  std::vector<std::string> out;
  for (const auto& revision : revisions()) {
    if (revision.down_label == DownLabel::kLossy) out.push_back(revision.text);
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Catalogue, Labels, testing::ValuesIn(lossy_revisions()), [](const auto& one) {
  std::string name = one.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return "v" + name;
});

TEST(Guards, RefuseGroupsBelow0_17_0) {
  auto db = modern_dataset(Content::kFull, "group");
  for (auto revision = revisions().rbegin(); revision->text != "0.17.0"; ++revision) migrate(db, *revision, false);
  const auto& revision =
      *std::find_if(revisions().begin(), revisions().end(), [](const auto& r) { return r.text == "0.17.0"; });
  try {
    migrate(db, revision, false);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::kPrecondition);
    EXPECT_STREQ(
        error.what(),
        "Cannot migrate dataset 'My data' below v0.17.0 because groups were not supported before this release");
  }
}

TEST(Guards, RefuseFieldsOf1_0_0) {
  const auto& revision =
      *std::find_if(revisions().begin(), revisions().end(), [](const auto& r) { return r.text == "1.0.0"; });
  FakeDatabase db;
  db.dataset = json(
      R"({"_id": 1, "name": "n", "sample_fields": [{"name": "created_at", "ftype": "fiftyone.core.fields.StringField"}]})");
  try {
    migrate(db, revision, true);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "Cannot migrate dataset 'n' to v1.0.0 because it has an existing 'created_at' field of type "
                 "fiftyone.core.fields.StringField != "
                 "fiftyone.core.fields.DateTimeField. Please rename or delete the field and try again");
  }
}

// Down to 0.15 and up again, samples and frames stay as they are (spec
// dataset-revisions, section 3).
TEST(RoundTrip, KeepsSamplesAndFrames) {
  for (const char* media_type : {"image", "video"}) {
    const auto start = modern_dataset(Content::kFull, media_type);
    auto db = start;
    for (auto revision = revisions().rbegin(); revision->text != "0.15.1"; ++revision) migrate(db, *revision, false);
    for (const auto& revision : revisions()) {
      if (revision.version > Version::parse("0.15.1")) migrate(db, revision, true);
    }
    for (const auto& [name, docs] : start.collections) {
      if (name.starts_with("samples.") || name.starts_with("frames.")) {
        EXPECT_EQ(db.collections.at(name), docs) << name;
      }
    }
  }
}

}  // namespace
}  // namespace fm
