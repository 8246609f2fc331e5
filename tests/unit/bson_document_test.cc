#include "bson/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "unit/bson_arbitrary.h"

namespace fm::bson {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

using namespace std::string_literals;

// Puts length and final NUL around the elements.
std::string framed(const std::string& elements) {
  auto size = static_cast<std::uint32_t>(elements.size() + 5);
  std::string bytes(4, '\0');
  for (int i = 0; i < 4; ++i) {
    bytes[static_cast<std::size_t>(i)] = static_cast<char>(size >> 8 * i);
  }
  return bytes + elements + '\0';
}

Document decode(const std::string& bytes) {
  return Document::decode(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::string encoded(const Document& doc) {
  Bytes bytes = encode(doc);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string bytes_of(const bson_t* b) { return {reinterpret_cast<const char*>(bson_get_data(b)), b->len}; }

// libbson's own opinion: its iterator gets to the end of every level.
bool libbson_reads(const std::uint8_t* data, std::size_t size) {
  bson_t b;
  bson_iter_t it;
  if (!bson_init_static(&b, data, size) || !bson_iter_init(&it, &b)) {
    return false;
  }
  std::uint32_t reached = 4;
  while (bson_iter_next(&it)) {
    reached = it.next_off;
    std::uint32_t length = 0;
    std::uint32_t code_length = 0;
    const std::uint8_t* nested = nullptr;
    switch (bson_iter_type(&it)) {
      case BSON_TYPE_DOCUMENT:
        bson_iter_document(&it, &length, &nested);
        break;
      case BSON_TYPE_ARRAY:
        bson_iter_array(&it, &length, &nested);
        break;
      case BSON_TYPE_CODEWSCOPE: {
        const char* code = bson_iter_codewscope(&it, &code_length, &length, &nested);
        // The one check that libbson leaves out.
        if (code[code_length] != '\0') {
          return false;
        }
        break;
      }
      default:
        continue;
    }
    if (!libbson_reads(nested, length)) {
      return false;
    }
  }
  return reached == size - 1;
}

Document nested_documents(int levels) {
  Document doc;
  for (int i = 0; i < levels; ++i) {
    Document outer;
    outer.append("a", std::move(doc));
    doc = std::move(outer);
  }
  return doc;
}

RC_GTEST_PROP(Codec, DecodeUndoesEncode, (const Document& doc)) {
  Bytes bytes = encode(doc);
  Document back = bytes.decode();
  RC_ASSERT(back == doc);
  RC_ASSERT(encode(back) == bytes);
  RC_ASSERT(encoded_size(doc) == bytes.size());
}

RC_GTEST_PROP(Codec, LibbsonReadsWhatIsWritten, (const Document& doc)) {
  Bytes bytes = encode(doc);
  RC_ASSERT(libbson_reads(bytes.data(), bytes.size()));
  bson_t b;
  bson_iter_t it;
  RC_ASSERT(bson_init_static(&b, bytes.data(), bytes.size()) && bson_iter_init(&it, &b));
  for (const Element& e : doc) {
    RC_ASSERT(bson_iter_next(&it));
    RC_ASSERT(e.key == bson_iter_key(&it));
  }
  RC_ASSERT(!bson_iter_next(&it));
}

// Damaged documents are refused exactly when libbson stops short, and otherwise
// come back to the byte.
RC_GTEST_PROP(Codec, AgreesWithLibbsonOnDamage, (const Document& doc)) {
  std::string bytes = encoded(doc);
  auto edits = *rc::gen::inRange(1, 4);
  for (int i = 0; i < edits; ++i) {
    auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[at] = static_cast<char>(*rc::gen::oneOf(rc::gen::inRange(0, 20), rc::gen::inRange(0, 256)));
  }
  bool readable = libbson_reads(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  try {
    std::string again = encoded(decode(bytes));
    RC_ASSERT(readable);
    RC_ASSERT(again == bytes);
  } catch (const Error&) {
    RC_ASSERT(!readable);
  }
}

RC_GTEST_PROP(Codec, EveryPrefixIsRefused, (const Document& doc)) {
  std::string bytes = encoded(doc);
  auto n = *rc::gen::inRange<std::size_t>(0, bytes.size());
  RC_ASSERT_THROWS_AS(decode(bytes.substr(0, n)), Error);
}

RC_GTEST_PROP(Value, EqualMeansSameBytes, (const Value& a, const Value& b)) {
  RC_ASSERT((a == b) == (encode(Document{{"", a}}) == encode(Document{{"", b}})));
  RC_ASSERT(a == Value(a));
}

TEST(Codec, ArraysWithOddKeysKeepThem) {
  for (const std::string& items : {
           "\x0ax\0"s,
           "\x0a"
           "1\0"s,
           "\x0a"
           "00\0"s,
           "\x0a\0\x0a\0"s,
           "\x0a"
           "0\0\x0a"
           "0\0\x08"
           "2\0\1"s,
           "\x0a"
           "0\0\x0a"
           "1\0\x08"
           "9\0\1\x08"
           "3\0\0"s,
       }) {
    std::string bytes = framed("\x04"s + "a\0"s + framed(items));
    Document doc = decode(bytes);
    EXPECT_EQ(encoded(doc), bytes);
    Document copy;
    copy = doc;
    EXPECT_EQ(encoded(copy), bytes);
    EXPECT_EQ(copy, doc);
  }
}

TEST(Codec, EditingAnArrayDropsOddKeys) {
  const Document kOdd = decode(framed("\x04"s + "a\0"s + framed("\x08x\0\1\x08y\0\0"s)));
  auto edited = [&](auto edit) {
    Document doc = kOdd;
    edit(*doc.find("a")->as<Array>());
    return doc;
  };
  EXPECT_NE(kOdd, (Document{{"a", Array{true, false}}}));
  EXPECT_EQ(encode(edited([](Array& a) { a.append(1); })), encode(Document{{"a", Array{true, false, 1}}}));
  EXPECT_EQ(encode(edited([](Array& a) { a.insert(0, 1); })), encode(Document{{"a", Array{1, true, false}}}));
  EXPECT_EQ(encode(edited([](Array& a) { a.take(0); })), encode(Document{{"a", Array{false}}}));
  EXPECT_EQ(encoded(edited([](Array& a) { a[0] = Null{}; })), framed("\x04"s + "a\0"s + framed("\x0ax\0\x08y\0\0"s)));
}

TEST(Codec, LongArraysAreNumbered) {
  Array items;
  bson_t expected = BSON_INITIALIZER;
  bson_t child;
  BSON_APPEND_ARRAY_BEGIN(&expected, "a", &child);
  for (int i = 0; i < 11000; ++i) {
    items.append(i);
    BSON_APPEND_INT32(&child, std::to_string(i).c_str(), i);
  }
  bson_append_array_end(&expected, &child);
  Document doc{{"a", items}};
  EXPECT_EQ(encoded(doc), bytes_of(&expected));
  EXPECT_EQ(Document::decode(&expected), doc);
  bson_destroy(&expected);
}

TEST(Codec, DuplicateAndEmptyKeys) {
  std::string bytes = framed("\x08\0\1\x08"s + "a\0\0\x08"s + "a\0\1\x0a\0"s);
  Document doc = decode(bytes);
  ASSERT_EQ(doc.size(), 4U);
  EXPECT_EQ(doc[1].key, "a");
  EXPECT_EQ(doc[2].key, "a");
  EXPECT_EQ(*doc.find("a"), Value(false));
  EXPECT_EQ(encoded(doc), bytes);
}

TEST(Codec, RareTypesAreNotTidiedUp) {
  std::string scope = framed("");
  for (const std::string& element : {
           "\x0br\0ab\0xi\0"s,                            // options out of order
           "\x0br\0ab\0zzz\0"s,                           // unknown options
           "\x0d"s + "c\0\x04\0\0\0a\0b\0"s,              // code with a NUL inside
           "\x0e"s + "s\0\x04\0\0\0a\0b\0"s,              // symbol with a NUL inside
           "\x0cp\0\x04\0\0\0a\0b\0"s + "123456789012"s,  // DBPointer with a NUL inside
           "\x0fw\0\x11\0\0\0\x04\0\0\0a\0b\0"s + scope,  // code with an empty scope
           "\x05"s + "b\0\x07\0\0\0\x02\x03\0\0\0xyz"s,   // old binary
           "\x05"s + "b\0\x02\0\0\0\x80xy"s, "\x06u\0"s, "\x7fM\0"s, "\xffm\0"s, "\x11t\0\1\2\3\4\5\6\7\x08"s,
           "\x13"s + "d\0abcdefghijklmnop"s,
           "\x01n\0\1\0\0\0\0\0\xf4\x7f"s,                          // signalling NaN with a payload
           "\x01z\0\0\0\0\0\0\0\0\x80"s,                            // -0.0
           "\x02s\0\x04\0\0\0a\0b\0"s, "\x02s\0\x02\0\0\0\xff\0"s,  // not UTF-8
       }) {
    std::string bytes = framed(element);
    EXPECT_TRUE(libbson_reads(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
    EXPECT_EQ(encoded(decode(bytes)), bytes);
    EXPECT_EQ(decode(bytes), decode(bytes));
  }
}

TEST(Codec, MalformedBytes) {
  for (const auto& [bytes, reason] : std::initializer_list<std::pair<std::string, const char*>>{
           {"", "length is wrong"},
           {"\0\0\0\0"s, "length is wrong"},
           {"\5\0\0\0"s, "length is wrong"},
           {"\6\0\0\0\0"s, "length is wrong"},
           {"\4\0\0\0\0"s, "length is wrong"},
           {"\xff\xff\xff\xff\0"s, "length is wrong"},
           {"\5\0\0\0\1"s, "does not end in NUL"},
           {framed("\x0a"s), "key or pattern does not end"},
           {framed("\x0a"s + "ab"s), "key or pattern does not end"},
           {framed("\0"s), "does not end"},
           {framed("\0\0"s), "type is unknown"},
           {framed("\x14"s + "a\0"s), "type is unknown"},
           {framed("\x08"s + "a\0"s), "cut off"},
           {framed("\x08"s + "a\0\2"s), "neither 0 nor 1"},
           {framed("\x10"s + "a\0\1\1\1"s), "cut off"},
           {framed("\x01"s + "a\0\1\1\1\1\1\1\1"s), "cut off"},
           {framed("\x07"s + "a\0"s + "12345678901"s), "cut off"},
           {framed("\x02"s + "a\0\0\0\0\0"s), "too small"},
           {framed("\x02"s + "a\0\xff\xff\xff\xff\0"s), "too small"},
           {framed("\x02"s + "a\0\2\0\0\0a"s), "cut off"},
           {framed("\x02"s + "a\0\xff\xff\xff\x7f"s + "a\0"s), "cut off"},
           {framed("\x02"s + "a\0\1\0\0\0a"s), "string does not end in NUL"},
           {framed("\x03"s + "a\0\4\0\0\0\0"s), "too small"},
           {framed("\x03"s + "a\0\5\0\0\0\1"s), "document does not end in NUL"},
           {framed("\x03"s + "a\0"s + framed("\x08"s + "b\0"s)), "cut off"},
           {framed("\x04"s + "a\0\6\0\0\0\0"s), "cut off"},
           {framed("\x05"s + "a\0\xff\xff\xff\xff\0"s), "too small"},
           {framed("\x05"s + "a\0\2\0\0\0\0x"s), "cut off"},
           {framed("\x05"s + "a\0\3\0\0\0\2xyz"s), "cut off"},
           {framed("\x05"s + "a\0\5\0\0\0\2\0\0\0\0x"s), "old binary"},
           {framed("\x0b"s + "a\0x\0i"s), "does not end"},
           {framed("\x0f"s + "a\0\5\0\0\0\0"s), "too small"},
           {framed("\x0f"s + "a\0\x11\0\0\0\4\0\0\0a\0b\0\4\0\0\0\0"s), "too small"},
           {framed("\x0f"s + "a\0\x12\0\0\0\4\0\0\0a\0b\0\5\0\0\0\0\0"s), "length of a scope"},
           {framed("\x0f"s + "a\0\x11\0\0\0\4\0\0\0a\0b\0\5\0\0\0\1"s), "does not end in NUL"},
           {framed("") + "\0"s, "length is wrong"},
       }) {
    EXPECT_THAT([&b = bytes] { decode(b); }, ThrowsMessage<Error>(HasSubstr(reason))) << testing::PrintToString(bytes);
  }
}

TEST(Codec, RefusesDeepNesting) {
  Document deepest = nested_documents(kMaxDepth);
  EXPECT_EQ(encode(deepest).decode(), deepest);
  Document too_deep = nested_documents(kMaxDepth + 1);
  EXPECT_THAT([&] { encode(too_deep); }, ThrowsMessage<Error>(HasSubstr("deeper than 200")));
  EXPECT_THAT([&] { encoded_size(too_deep); }, ThrowsMessage<Error>(HasSubstr("deeper than 200")));

  for (char type : {'\x03', '\x04'}) {
    std::string bytes = framed("");
    for (int i = 0; i < 100000; ++i) {
      if (i == kMaxDepth + 1) {
        EXPECT_THAT([&] { decode(bytes); }, ThrowsMessage<Error>(HasSubstr("deeper than 200")));
        break;
      }
      EXPECT_EQ(encoded(decode(bytes)), bytes);
      bytes = framed(type + "0\0"s + bytes);
    }
  }
}

TEST(Codec, RefusesKeysThatCannotBeWritten) {
  EXPECT_THAT([] { encode(Document{{"a\0b"s, 1}}); }, ThrowsMessage<Error>(HasSubstr("key 'a'")));
}

TEST(Value, DoublesAreComparedBitByBit) {
  double quiet = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Value(quiet), Value(quiet));
  EXPECT_NE(Value(quiet), Value(-quiet));
  EXPECT_NE(Value(0.0), Value(-0.0));
  EXPECT_NE(Value(1.0), Value(1));
  EXPECT_NE(Value(1), Value(std::int64_t{1}));
  EXPECT_NE(Value(Document{{"a", 0.0}}), Value(Document{{"a", -0.0}}));
}

TEST(Value, Truth) {
  for (const Value& v : {Value(), Value(false), Value(0), Value(std::int64_t{0}), Value(0.0), Value(-0.0), Value(""),
                         Value(Document()), Value(Array()), Value(Binary())}) {
    EXPECT_FALSE(v.truthy()) << v;
  }
  for (const Value& v : {Value(true), Value(-1), Value(std::int64_t{1} << 40), Value(0.1),
                         Value(std::numeric_limits<double>::quiet_NaN()), Value("0"), Value(Oid()), Value(Date()),
                         Value(Document{{"", Null{}}}), Value(Array{Null{}}), Value(Binary{0, "x"})}) {
    EXPECT_TRUE(v.truthy()) << v;
  }
  EXPECT_FALSE(decode(framed("\x06u\0"s))[0].value.truthy());
  EXPECT_FALSE(decode(framed("\x0d"s + "c\0\1\0\0\0\0"s))[0].value.truthy());
  EXPECT_TRUE(decode(framed("\x13"s + "d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"s))[0].value.truthy());
}

TEST(Value, Integers) {
  EXPECT_EQ(Value(7).integer(), 7);
  EXPECT_EQ(Value(std::int64_t{1} << 40).integer(), std::int64_t{1} << 40);
  EXPECT_EQ(Value(-3.0).integer(), -3);
  EXPECT_EQ(Value(-9223372036854775808.0).integer(), INT64_MIN);
  for (const Value& v :
       {Value(), Value(true), Value("7"), Value(0.5), Value(9223372036854775808.0), Value(1e300),
        Value(std::numeric_limits<double>::quiet_NaN()), Value(-std::numeric_limits<double>::infinity())}) {
    EXPECT_EQ(v.integer(), std::nullopt) << v;
  }
}

TEST(Value, TypeNames) {
  EXPECT_STREQ(Value().type_name(), "null");
  EXPECT_STREQ(Value(1).type_name(), "int");
  EXPECT_STREQ(Value(std::int64_t{1}).type_name(), "long");
  EXPECT_STREQ(Value(Document()).type_name(), "object");
  EXPECT_STREQ(Value(Binary()).type_name(), "binData");
  EXPECT_STREQ(decode(framed("\x11t\0\1\2\3\4\5\6\7\x08"s))[0].value.type_name(), "timestamp");
  EXPECT_STREQ(decode(framed("\x7fM\0"s))[0].value.type_name(), "maxKey");
}

TEST(Oid, Hex) {
  auto id = Oid::from_hex("5f3e9A2b0123456789abcdef");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->hex(), "5f3e9a2b0123456789abcdef");
  EXPECT_EQ(id->time(), 0x5f3e9a2bU);
  EXPECT_FALSE(Oid::from_hex("5f3e9a2b0123456789abcde"));
  EXPECT_FALSE(Oid::from_hex("5f3e9a2b0123456789abcdeg"));
  EXPECT_FALSE(Oid::from_hex(""));
}

TEST(Raw, CopiesAndMoves) {
  Value v = decode(framed("\x0br\0ab\0xi\0"s))[0].value;
  Raw copy = *v.as<Raw>();
  Raw moved = std::move(copy);
  EXPECT_EQ(moved, *v.as<Raw>());
  copy = moved;
  EXPECT_EQ(copy, moved);
  bson_value_t number = {};
  number.value_type = BSON_TYPE_INT32;
  EXPECT_THROW(Raw{number}, Error);
}

TEST(Document, Editing) {
  Document doc{{"a", 1}, {"b", "x"}, {"a", 2}};
  doc.set("b", Null{});
  doc.set("c", true);
  EXPECT_EQ(doc, (Document{{"a", 1}, {"b", Null{}}, {"a", 2}, {"c", true}}));
  EXPECT_EQ(doc.index_of("a"), 0U);
  EXPECT_EQ(doc.index_of("z"), doc.size());
  EXPECT_EQ(doc.find("z"), nullptr);
  EXPECT_EQ(doc.take("a"), Value(1));
  EXPECT_EQ(doc.take("z"), std::nullopt);
  EXPECT_EQ(*doc.find("a"), Value(2));
  doc.insert(1, "n", Array{1, "2"});
  doc.erase(0);
  EXPECT_EQ(doc, (Document{{"n", Array{1, "2"}}, {"a", 2}, {"c", true}}));
  Document moved = std::move(doc);
  EXPECT_EQ(moved.size(), 3U);
  EXPECT_NE(moved, (Document{{"a", 2}, {"n", Array{1, "2"}}, {"c", true}}));
}

TEST(View, ReadsSingleKeys) {
  Bytes bytes = encode(Document{{"_id", Oid()}, {"name", "a\0b"s}, {"in", Document{{"name", 1}}}, {"name", 2}});
  View view(bytes);
  EXPECT_EQ(view.get("_id"), Value(Oid()));
  EXPECT_EQ(view.get("in"), Value(Document{{"name", 1}}));
  EXPECT_EQ(view.get_string("name"), "a\0b"s);
  EXPECT_EQ(view.get("none"), std::nullopt);
  EXPECT_EQ(view.get_string("_id"), std::nullopt);
  EXPECT_EQ(view.get_string("none"), std::nullopt);
  EXPECT_EQ(view.decode(), bytes.decode());
  EXPECT_EQ(view.copy(), bytes);
}

TEST(View, CopiesReferToTheBytesAlone) {
  Bytes bytes = encode(Document{{"a", std::string(500, 'x')}});
  auto first = std::make_unique<View>(bytes);
  View second = *first;
  View third(bytes);
  third = *first;
  first.reset();
  EXPECT_EQ(bson_get_data(second.c()), bytes.data());
  EXPECT_EQ(bson_get_data(third.c()), bytes.data());
}

TEST(View, RefusesAWrongFrame) {
  std::string bytes = "\6\0\0\0\0"s;
  EXPECT_THROW(View(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()), Error);
}

TEST(CDoc, HoldsAndAppends) {
  Document big{{"text", std::string(1000, 'x')}, {"r", decode(framed("\x0br\0ab\0xi\0"s))[0].value}};
  CDoc c(big);
  EXPECT_EQ(bytes_of(c.get()), encoded(big));

  CDoc small;
  BSON_APPEND_INT32(small.out(), "n", 1);
  small.append(Document());
  small.append(big);
  BSON_APPEND_BOOL(small.out(), "last", true);
  Document expected{{"n", 1}};
  for (const Element& e : big) {
    expected.append(e.key, e.value);
  }
  expected.append("last", true);
  EXPECT_EQ(bytes_of(small.get()), encoded(expected));
  EXPECT_THROW(CDoc(Document{{"\0"s, 1}}), Error);
}

TEST(CDoc, TakesAnEncodedDocumentAsTheValueOfAKey) {
  const Document inner{{"a", 1}, {"b", Array{"x", Document{}}}};
  for (const auto& outer : {Document(), Document{{"_id", 7}, {"k", "v"}}}) {
    auto whole = outer;
    whole.append("before", inner);
    CDoc built(outer);
    built.append("before", encode(inner));
    EXPECT_EQ(Bytes(built.get()), encode(whole));
  }
}

}  // namespace
}  // namespace fm::bson
