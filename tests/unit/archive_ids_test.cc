// Sets of keys in little memory, and new ids in documents, text and arrays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <zlib.h>

#include <map>
#include <set>

#include "archive/base64.h"
#include "archive/id_text.h"
#include "archive/key_set.h"
#include "archive/new_ids.h"
#include "base/error.h"

namespace fm::archive {
namespace {

using bson::Array;
using bson::Document;
using bson::Oid;
using bson::Value;
using testing::HasSubstr;

Oid oid(const std::string& hex) { return *Oid::from_hex(hex); }

const std::string kSample = "6b03b0b1fc9652ab4a9228df";
const std::string kLabel = "6b03b0b1fc9652ab4a9228e0";
const std::string kUnknown = "6b03b0b1fc9652ab4a9228e1";

KeySet::Key key(unsigned number) {
  KeySet::Key out{};
  out[0] = static_cast<std::uint8_t>(number % 251);
  for (int i = 0; i < 4; ++i) out[static_cast<std::size_t>(i) + 8] = static_cast<std::uint8_t>(number >> (8 * i));
  return out;
}

RC_GTEST_PROP(KeySet, IsASetWhateverFitsIntoMemory, (std::vector<std::uint16_t> numbers)) {
  const auto most = *rc::gen::element<std::size_t>(1, 3, 7, 100000);
  KeySet set(most);
  std::map<KeySet::Key, int> expected;
  for (const auto number : numbers) {
    set.add(key(number % 997u));
    ++expected[key(number % 997u)];
  }
  set.seal();
  for (unsigned i = 0; i < 997; ++i) RC_ASSERT(set.contains(key(i)) == expected.contains(key(i)));
  std::map<KeySet::Key, int> again;
  set.repeated([&](const KeySet::Key& one) { ++again[one]; });
  for (auto it = expected.begin(); it != expected.end();) it = --it->second == 0 ? expected.erase(it) : std::next(it);
  RC_ASSERT(again == expected);
}

TEST(KeySet, RunsOfManyBlocks) {
  constexpr unsigned kCount = 50000;
  KeySet set(9000);
  for (unsigned i = 0; i < kCount; ++i) set.add(key(2 * i));
  set.add(key(30000));
  set.seal();
  for (unsigned i = 0; i < 2 * kCount; ++i) ASSERT_EQ(set.contains(key(i)), i % 2 == 0) << i;
  int repeated = 0;
  set.repeated([&](const KeySet::Key& one) {
    EXPECT_EQ(one, key(30000));
    ++repeated;
  });
  EXPECT_EQ(repeated, 1);
}

TEST(KeySet, SaysWhereItsFileCannotBe) {
  const auto* before = std::getenv("TMPDIR");
  const std::string old = before ? before : "";
  setenv("TMPDIR", "/nowhere/at/all", 1);
  KeySet set(1);
  set.add(key(1));
  try {
    set.add(key(2));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.remedy(), HasSubstr("TMPDIR"));
  }
  before ? setenv("TMPDIR", old.c_str(), 1) : unsetenv("TMPDIR");
}

class NewIdsTest : public testing::Test {
 protected:
  NewIdsTest() : ids_("seed") {
    const Document sample{{"_id", oid(kSample)},
                          {"gt", Array{Document{{"_id", oid(kLabel)}, {"other", oid(kUnknown)}}}}};
    const auto bytes = bson::encode(sample);
    std::string keys;
    NewIds::collect({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, keys);
    ids_.know(keys);
    ids_.seal();
    sample_ = ids_.renewed(oid(kSample)).hex();
    label_ = ids_.renewed(oid(kLabel)).hex();
  }

  NewIds ids_;
  std::string sample_;
  std::string label_;
};

RC_GTEST_PROP(NewIds, KeepTheTimeAndNeverMeet, (std::array<std::uint8_t, 12> a, std::array<std::uint8_t, 12> b)) {
  const NewIds ids("seed");
  Oid first;
  Oid second;
  std::copy(a.begin(), a.end(), first.bytes);
  std::copy(b.begin(), b.end(), second.bytes);
  RC_ASSERT(ids.renewed(first).time() == first.time());
  RC_ASSERT((ids.renewed(first) == ids.renewed(second)) == (first == second));
  RC_ASSERT(ids.renewed(first) == NewIds("seed").renewed(first));
}

TEST(NewIds, HaveNoCycleInSight) {
  const NewIds ids("seed");
  const NewIds others("other");
  std::set<Oid> seen;
  Oid id = oid(kSample);
  for (int i = 0; i < 100000; ++i) {
    id.bytes[11] = static_cast<std::uint8_t>(i);
    id.bytes[10] = static_cast<std::uint8_t>(i >> 8);
    id.bytes[9] = static_cast<std::uint8_t>(i >> 16);
    ASSERT_TRUE(seen.insert(ids.renewed(id)).second);
    ASSERT_TRUE(seen.insert(others.renewed(id)).second);
  }
}

TEST_F(NewIdsTest, OnlyWhatIsThereIsKnown) {
  EXPECT_EQ(ids_.known(kSample), sample_);
  EXPECT_EQ(ids_.known(kLabel), label_);
  EXPECT_EQ(ids_.known(kUnknown), std::nullopt);
  EXPECT_EQ(ids_.known(kSample.substr(1)), std::nullopt);
  EXPECT_EQ(ids_.known("6B03B0B1FC9652AB4A9228DF"), std::nullopt);
}

TEST_F(NewIdsTest, MembersAndTheirReferences) {
  Document sample{{"_id", oid(kSample)},          {"other", oid(kUnknown)},
                  {"ref", oid(kLabel)},           {"text", kLabel},
                  {"path", "/data/" + kLabel},    {kSample, Document{{"_id", oid(kUnknown)}}},
                  {"stage", "\"" + kLabel + "\""}};
  ids_.edit_member(sample, false);
  EXPECT_EQ(sample, (Document{{"_id", oid(sample_)},
                              {"other", oid(kUnknown)},
                              {"ref", oid(label_)},
                              {"text", label_},
                              {"path", "/data/" + kLabel},
                              {sample_, Document{{"_id", ids_.renewed(oid(kUnknown))}}},
                              {"stage", "\"" + kLabel + "\""}}));
  // Its sample is new, whether it is in the archive or not.
  Document orphan{{"_id", oid(kLabel)}, {"_sample_id", oid(kUnknown)}};
  ids_.edit_member(orphan, true);
  EXPECT_EQ(orphan, (Document{{"_id", oid(label_)}, {"_sample_id", ids_.renewed(oid(kUnknown))}}));
}

TEST_F(NewIdsTest, DocumentsOfTheDataset) {
  Document view{{"_id", oid(kUnknown)},
                {"view_stages", Array{R"({"kwargs": [["ids", [")" + kSample + R"(", ")" + kUnknown + R"("]]]})"}},
                {"config", Document{{kLabel, 1}, {"path", "/" + kSample + "/\"" + kSample + ".png\""}}}};
  ids_.edit_document(view);
  EXPECT_EQ(view,
            (Document{{"_id", oid(kUnknown)},
                      {"view_stages", Array{R"({"kwargs": [["ids", [")" + sample_ + R"(", ")" + kUnknown + R"("]]]})"}},
                      {"config", Document{{label_, 1}, {"path", "/" + kSample + "/\"" + kSample + ".png\""}}}}));
}

std::string npy(const std::string& type, const std::string& items) {
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (3,), }";
  header.resize(117, ' ');
  header += '\n';
  const std::string image =
      std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header + items;
  std::string packed(compressBound(image.size()), '\0');
  auto size = static_cast<uLongf>(packed.size());
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(image.data()), image.size());
  std::string out;
  encode_base64(std::string_view(packed).substr(0, size), out);
  return out;
}

std::string unpacked(const std::string& text) {
  std::string packed;
  EXPECT_TRUE(decode_base64(text, packed)) << text;
  std::string out(std::size_t{1} << 20, '\0');
  auto size = static_cast<uLongf>(out.size());
  EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(packed.data()),
                       packed.size()),
            Z_OK);
  out.resize(size);
  return out.substr(128);
}

std::string wide(const std::string& text) {
  std::string out;
  for (const char c : text) out += std::string(1, c) + std::string(3, '\0');
  return out;
}

TEST_F(NewIdsTest, TextInAnyPieces) {
  const auto array = npy("<U24", wide(kSample + kUnknown + kLabel));
  const auto bytes = npy("|S24", kLabel + kSample + kUnknown);
  const auto numbers = npy("<f8", std::string(240, 'x'));
  const auto text = R"({"a": ")" + kSample + R"(", "n": "{\")" + kLabel + R"(\": 1}", "u": ")" + array +
                    R"(", "s": ")" + bytes + R"(", "f": ")" + numbers + R"(", "long": ")" + std::string(5000, 'e') +
                    R"(", "x": "eJx"})";
  const auto once = with_new_ids(ids_, text);
  for (const std::size_t piece : {1, 2, 3, 7, 24, 25, 100, 511, 512, 513, 4096}) {
    std::string out;
    IdText stream(ids_, [&](std::string_view part) { out.append(part); });
    for (std::size_t at = 0; at < text.size(); at += piece) stream.feed(std::string_view(text).substr(at, piece));
    stream.finish();
    EXPECT_EQ(out, once) << piece;
  }
  const auto between = [&](const std::string& before, const std::string& after) {
    const auto at = once.find(before) + before.size();
    return once.substr(at, once.find(after, at) - at);
  };
  EXPECT_EQ(between("\"a\": \"", "\""), sample_);
  EXPECT_EQ(between("{\\\"", "\\\""), label_);
  EXPECT_EQ(unpacked(between("\"u\": \"", "\"")), wide(sample_ + kUnknown + label_));
  EXPECT_EQ(unpacked(between("\"s\": \"", "\"")), label_ + sample_ + kUnknown);
  EXPECT_EQ(between("\"f\": \"", "\""), numbers);
  EXPECT_EQ(between("\"long\": \"", "\""), std::string(5000, 'e'));
}

TEST_F(NewIdsTest, ALargeArray) {
  std::string items;
  for (int i = 0; i < 5000; ++i) items += wide(i % 3 == 0 ? kSample : i % 3 == 1 ? kLabel : kUnknown);
  const auto text = "\"" + npy("<U24", items) + "\"";
  const auto found = unpacked([&] {
    const auto out = with_new_ids(ids_, text);
    return out.substr(1, out.size() - 2);
  }());
  ASSERT_EQ(found.size(), items.size());
  EXPECT_EQ(found.substr(0, 3 * 96), wide(sample_ + label_ + kUnknown));
  EXPECT_EQ(found.substr(found.size() - 96), wide(label_));
}

TEST_F(NewIdsTest, ADamagedArrayIsNamed) {
  std::string items;
  for (int i = 0; i < 5000; ++i) items += wide(ids_.renewed(oid(kSample)).hex());
  auto text = "\"" + npy("<U24", items) + "\"";
  text.erase(text.size() / 4 * 2, 400);
  EXPECT_THROW(with_new_ids(ids_, text), Error);
}

}  // namespace
}  // namespace fm::archive
