// Edits of samples on their bytes are those on decoded documents.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "archive/base64.h"
#include "archive/raw_edit.h"
#include "unit/bson_arbitrary.h"

namespace fm::archive {
namespace {

using bson::Array;
using bson::Document;
using bson::Value;

std::string decoded_edit(const MemberEdit& edit, Document document) {
  const ops::IdGenerator ids(0, "");
  ops::Context context(Value(), 0, ids, ops::References::Fetch());
  apply_edit(edit, document, context);
  const auto bytes = bson::encode(document);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<std::string> raw_edit(const MemberEdit& edit, const Document& document) {
  std::string out = "before";
  const bool done = RawEdit(edit).apply(bson::View(bson::encode(document)), out);
  EXPECT_TRUE(done || out == "before");
  return done ? std::optional(out.substr(6)) : std::nullopt;
}

MemberEdit edit_of_samples() {
  MemberEdit edit;
  edit.folder = "/data/new";
  edit.media = {{"gt.detections", {"gt", "detections"}, "mask_path"}, {"alias", {"other"}, ""}};
  edit.now_ms = 1700000000123;
  edit.dataset_id = *bson::Oid::from_hex("6b03b0b1fc9652ab4a9228df");
  return edit;
}

RC_GTEST_PROP(RawEdit, SameBytes, ()) {
  auto edit = edit_of_samples();
  edit.frames = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) edit.now_ms.reset();
  if (*rc::gen::arbitrary<bool>()) edit.folder.reset();
  auto document = *rc::gen::arbitrary<Document>();
  // Keys that are edited, some of them, anywhere.
  const auto path = *rc::gen::element<Value>("a.jpg", "/abs.jpg", "s3://b/c.jpg", "", "../x/./y.png", 7, Value());
  for (const char* key : {"_id", "filepath", "created_at", "last_modified_at", "_dataset_id", "other"}) {
    if (*rc::gen::arbitrary<bool>()) continue;
    const Value value = std::string_view(key) == "filepath" || std::string_view(key) == "other" ? path : Value(1);
    const auto at = *rc::gen::inRange<std::size_t>(0, document.size() + 1);
    if (!document.has(key)) document.insert(at, key, value);
  }
  const auto raw = raw_edit(edit, document);
  if (!raw) {
    const auto* other = document.find("other");
    const auto* text = other ? other->as<std::string>() : nullptr;
    RC_ASSERT(!document.has("_id") || (edit.folder && text));
    return;
  }
  RC_ASSERT(*raw == decoded_edit(edit, document));
}

TEST(RawEdit, DocumentsWithRelativePathsAreDecoded) {
  const auto edit = edit_of_samples();
  const auto with = [](const Value& path) {
    const Document one{{"label", "a"}, {"mask_path", path}};
    return Document{{"_id", 1}, {"gt", Document{{"detections", Array{Document{{"label", "b"}}, one}}}}};
  };
  EXPECT_FALSE(raw_edit(edit, with("masks/a.png")));
  for (const Value& path : {Value("/masks/a.png"), Value("gs://b/a.png"), Value(""), Value(), Value(7)}) {
    const auto raw = raw_edit(edit, with(path));
    ASSERT_TRUE(raw);
    EXPECT_EQ(*raw, decoded_edit(edit, with(path)));
  }
  EXPECT_FALSE(raw_edit(edit, Document{{"_id", 1}, {"other", Array{"/a", Array{"b"}}}}));
  EXPECT_FALSE(raw_edit(edit, Document{{"filepath", "/a"}}));
}

TEST(RawEdit, WhatItIsFor) {
  auto edit = edit_of_samples();
  EXPECT_TRUE(RawEdit::fits(edit));
  edit.tags = {"a"};
  EXPECT_FALSE(RawEdit::fits(edit));
  edit = edit_of_samples();
  edit.own = [](Document&) {};
  EXPECT_FALSE(RawEdit::fits(edit));
}

RC_GTEST_PROP(Base64, ThereAndBack, (const std::string& bytes)) {
  std::string text = "x";
  encode_base64(bytes, text);
  RC_ASSERT(text.size() == 1 + (bytes.size() + 2) / 3 * 4);
  std::string back = "y";
  RC_ASSERT(decode_base64(std::string_view(text).substr(1), back));
  RC_ASSERT(back == "y" + bytes);
}

TEST(Base64, EveryByteThatIsNoneOfIt) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int byte = 0; byte < 256; ++byte) {
    const auto c = static_cast<char>(byte);
    const bool good = kAlphabet.find(c) != std::string_view::npos;
    for (std::size_t place = 0; place < 8; ++place) {
      std::string text = "QUJDREVG";
      text[place] = c;
      std::string out = "kept";
      // At the end '=' stands for a byte that is not there.
      if (c == '=' && place == 7) continue;
      EXPECT_EQ(decode_base64(text, out), good) << byte << " at " << place;
      EXPECT_TRUE(good || out == "kept");
    }
  }
  std::string out;
  for (const char* text : {"QQ", "QQ=", "Q===", "====", "QQ=Q", "=QQQ"}) EXPECT_FALSE(decode_base64(text, out)) << text;
  EXPECT_TRUE(decode_base64("QQ==QUI=", out) == false);
  EXPECT_TRUE(decode_base64("QQ==", out) && decode_base64("QUI=", out) && decode_base64("", out));
  EXPECT_EQ(out, "AAB");
}

}  // namespace
}  // namespace fm::archive
