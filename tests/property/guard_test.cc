// The guard of a replacement on a real server: it finds the document as read,
// and no longer finds it after any edit.
#include "exec/guard.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "plan/plan.h"
#include "property/collections.h"

namespace fm {
namespace {

using bson::Array;
using bson::Document;
using bson::Value;

class Guard : public Properties {};

// With nothing that the server stores in another form than it was sent.
Document any_dataset() {
  Document out{{"_id", kDatasetId}, {"version", "1.22.1"}};
  for (int i = between(1, 8); i > 0; --i) {
    const auto key = any_key();
    if (!key.empty() && key[0] != '$' && key != "_id" && key.find('\0') == std::string::npos) out.set(key, any_value());
  }
  out.set("app_config", Document{{"grid", Array{1, 2, Document{{"a", 1}, {"b", "x"}}}}, {"any", any_value()}});
  return out;
}

// Numbers of one value are the same to the server, whatever their type, and so
// are strings and symbols.
bool same_to_server(const Value& a, const Value& b) {
  fill("values", {Document{{"_id", 1}, {"v", Document{{"v", b}}}}});
  const auto filter = bson::encode(Document{{"v", Document{{"$eq", Document{{"v", a}}}}}});
  return test_server().update("values",
                              {Update(filter, bson::encode(Document{{"$set", Document{{"found", true}}}}))}) == 1;
}

Value other_than(const Value& value) {
  while (true) {
    auto other = near(value);
    if (!(other == value) && !same_to_server(value, other)) return other;
  }
}

// One edit somewhere in the value; says what it was.
std::string edit(Document& doc, bool top);
std::string edit(Value& value) {
  if (auto* doc = value.as<Document>(); doc && chance(80)) return edit(*doc, false);
  auto* list = value.as<Array>();
  if (list && chance(80)) {
    const auto size = list->size();
    switch (below(4)) {
      case 0:
        list->insert(below(size + 1), any_value());
        return "item added";
      case 1:
        if (size == 0) break;
        list->take(below(size));
        return "item removed";
      case 2:
        if (size == 0) break;
        return "item: " + edit((*list)[below(size)]);
      default: {
        if (size < 2) break;
        const auto i = below(size - 1);
        if (same_to_server((*list)[i], (*list)[i + 1])) break;
        std::swap((*list)[i], (*list)[i + 1]);
        return "items exchanged";
      }
    }
  }
  value = other_than(value);
  return "value";
}

std::string edit(Document& doc, bool top) {
  const auto first = top ? std::size_t{1} : std::size_t{0};  // not the _id
  const auto size = doc.size() - first;
  const auto one = [&] { return first + below(size); };
  const std::string fresh = "new" + std::to_string(below(1000));
  switch (below(4)) {
    case 0:
      doc.insert(first + below(size + 1), fresh, any_value());
      return "key added";
    case 1:
      if (size == 0) break;
      doc.erase(one());
      return "key removed";
    case 2:
      if (size == 0) break;
      doc[one()].key = fresh;
      return "key renamed";
    default:
      if (size == 0) break;
      return "value of a key: " + edit(doc[one()].value);
  }
  doc.append(fresh, any_value());
  return "key added";
}

// By an update, as the guard is used: the driver looks into the filter of a find.
std::int64_t found(const Document& stored, const bson::Bytes& filter) {
  fill("datasets", {stored});
  const auto update = bson::encode(Document{{"$set", Document{{"found", true}}}});
  return test_server().update("datasets", {Update(filter, update)});
}

RC_GTEST_FIXTURE_PROP(Guard, FindsTheDocumentAsReadAndNoOther, ()) {
  const auto read = any_dataset();
  const auto filter = guard(kDatasetId, bson::encode(read), {});
  RC_ASSERT(found(read, filter) == 1);
  for (int i = 0; i < 6; ++i) {
    auto now = read;
    const auto what = edit(now, true);
    if (found(now, filter) == 0) continue;
    RC_LOG() << what << "\nread: " << bson::shown(read) << "\nnow:  " << bson::shown(now) << "\n";
    RC_FAIL("an edit is not seen");
  }
}

// An array must not be found by one of its items, nor null by a missing key.
TEST(GuardOf, ADocumentSeesWhatConditionsOnSingleKeysDoNot) {
  const auto read = Document{{"_id", kDatasetId}, {"a", Array{1}}, {"b", bson::Null{}}};
  const auto filter = guard(kDatasetId, bson::encode(read), {});
  for (const auto& now :
       {Document{{"_id", kDatasetId}, {"a", Array{Array{1}}}, {"b", bson::Null{}}},
        Document{{"_id", kDatasetId}, {"a", Array{1}}}, Document{{"_id", kDatasetId}, {"a", 1}, {"b", bson::Null{}}},
        Document{{"_id", kDatasetId}, {"a", Array{1}}, {"b", bson::Null{}}, {"c", 1}}}) {
    EXPECT_EQ(found(now, filter), 0) << bson::shown(now);
  }
  EXPECT_EQ(found(read, filter), 1);
}

TEST(GuardOf, ALargeDocumentComparesVersionAndWhatChanges) {
  const std::string large(kWholeGuardBytes, 'x');
  const Document read{{"_id", kDatasetId}, {"version", "1.0"}, {"large", large}, {"a", 1}, {"b", 2}, {"gone", 4}};
  auto after = read;
  after.set("a", 2);
  after.set("c", 3);
  after.take("gone");
  const auto filter = guard(kDatasetId, bson::encode(read), after);
  EXPECT_EQ(found(read, filter), 1);
  for (const auto& [key, value] :
       std::vector<std::pair<const char*, Value>>{{"version", "1.1"}, {"a", 7}, {"c", 1}, {"gone", 5}}) {
    auto now = read;
    now.set(key, value);
    EXPECT_EQ(found(now, filter), 0) << key;
  }
  auto now = read;
  now.set("b", 7);
  EXPECT_EQ(found(now, filter), 1) << "neither changed nor large";
  EXPECT_EQ(found(now, guard(kDatasetId, bson::encode(read), {})), 0) << "of a deletion";
}

RC_GTEST_FIXTURE_PROP(Guard, ParkedIsWhatSettingTheVersionMakes, ()) {
  auto dataset = any_dataset();
  if (chance(30)) dataset.take("version");
  if (chance(30)) dataset.set("version", any_value());
  const auto made = parked(bson::encode(dataset));
  dataset.set("version", kParkedVersion);
  RC_ASSERT(made == bson::encode(dataset));
}

}  // namespace
}  // namespace fm
