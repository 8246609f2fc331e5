// The finder of a top-level key in JSON that arrives in pieces.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "exec/gridfs.h"
#include "unit/choice.h"

namespace fm {
namespace {

struct Found {
  std::string value = "(none)";
  bool done = false;
};

// The text between the quotes of the value of "cls".
Found look(const std::string& text, const std::vector<std::size_t>& cuts) {
  JsonKeyFinder finder("cls");
  Found out;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= cuts.size() && !out.done; ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : text.size();
    out.done = finder.feed(std::string_view(text).substr(start, end - start));
    start = end;
  }
  if (finder.found()) out.value = text.substr(finder.found()->begin, finder.found()->end - finder.found()->begin);
  return out;
}

std::string in_one(const std::string& text) { return look(text, {}).value; }

std::string byte_by_byte(const std::string& text) {
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < text.size(); ++i) cuts.push_back(i);
  return look(text, cuts).value;
}

TEST(JsonKeyFinder, Table) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {R"({"cls": "a.b.C"})", "a.b.C"},
      {R"({"cls":"x"})", "x"},
      {"\n {\t\"cls\"\r\n : \n \"x\" , \"y\": 1 }", "x"},
      {R"({"cls": ""})", ""},
      {R"({"a": 1, "cls": "x"})", "x"},
      {R"({"a": "cls", "cls": "x"})", "x"},
      {R"({"a": "cls", "b": "x"})", "(none)"},
      {R"({"a": "\"cls\": \"no\"", "cls": "x"})", "x"},
      {R"({"a": "\\", "cls": "x"})", "x"},
      {R"({"a": "\\\"", "cls": "x"})", "x"},
      {R"({"a\"": 1, "cls": "x"})", "x"},
      {R"({"cls": "a\"b\\"})", R"(a\"b\\)"},
      {R"({"a": {"cls": "no"}, "cls": "x"})", "x"},
      {R"({"a": [{"cls": "no"}, "cls", [[]]], "cls": "x"})", "x"},
      {R"({"a": {"b": {"cls": "no"}}})", "(none)"},
      {R"({"a": {}, "b": [], "cls": "x"})", "x"},
      {R"({"xcls": "no", "clsx": "no", "cls": "x"})", "x"},
      {R"({"cls": 5, "x": "no"})", "(none)"},
      {R"({"cls": null, "x": "no"})", "(none)"},
      {R"({"cls": {"cls": "no"}})", "(none)"},
      {R"({"cls": ["no"]})", "(none)"},
      {R"({"cls": 5})", "(none)"},
      {R"({})", "(none)"},
      {R"([{"cls": "no"}])", "(none)"},
      {R"(["cls", "no"])", "(none)"},
      {R"("cls")", "(none)"},
      {R"({"a": 1} {"cls": "no"})", "(none)"},
      {R"({"cls": "cut o)", "(none)"},
      {"", "(none)"},
      {"{\"é\": \"日本\", \"cls\": \"日\"}", "日"},
      {R"({"a": "{[,]}", "cls": "x"})", "x"},
      {R"({"a": true, "b": -1.5e-7, "cls": "x"})", "x"},
  };
  for (const auto& [text, value] : rows) {
    EXPECT_EQ(in_one(text), value) << text;
    EXPECT_EQ(byte_by_byte(text), value) << text;
  }
}

TEST(JsonKeyFinder, StopsWhenNothingMoreCanBeLearnt) {
  for (const char* text : {R"({"cls": "x")", R"({"cls": 5,)", R"({"cls": [)", R"({"a": 1})", "[", "\""}) {
    EXPECT_TRUE(look(text, {}).done) << text;
  }
  for (const char* text : {R"({"cls": "x)", R"({"cls":)", R"({"a": {"cls": "x"})", "", "  "}) {
    EXPECT_FALSE(look(text, {}).done) << text;
  }
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "\"";
}

std::string random_text() {
  std::string out;
  for (int i = below(12); i > 0; --i)
    out += pick<char>({'c', 'l', 's', '"', '\\', '{', '}', '[', ']', ',', ':', ' ', '\n'});
  return out;
}

std::string random_json(int depth) {
  const auto space = [] { return pick<std::string>({"", "", " ", "\n  "}); };
  switch (below(depth > 0 ? 6 : 4)) {
    case 0:
      return pick<std::string>({"null", "true", "0", "-1.5e-7", "\"cls\""});
    case 1:
      return "5";
    case 2:
    case 3:
      return quoted(random_text());
    case 4: {
      std::string out = "[" + space();
      for (int i = below(4); i > 0; --i) out += random_json(depth - 1) + space() + (i > 1 ? "," : "") + space();
      return out + "]";
    }
    default: {
      std::string out = "{" + space();
      for (int i = below(4); i > 0; --i) {
        const auto key = chance(50) ? quoted("cls") : quoted(random_text());
        out += key + space() + ":" + space() + random_json(depth - 1) + space() + (i > 1 ? "," : "") + space();
      }
      return out + "}";
    }
  }
}

RC_GTEST_PROP(JsonKeyFinder, FindsTheKeyInAnyPieces, ()) {
  begin_choices();
  std::string text = "{";
  const int before = below(4);
  for (int i = 0; i < before; ++i) text += quoted("k" + random_text()) + ": " + random_json(3) + ",";
  const auto value = random_text();
  const bool there = chance(50);
  if (there) text += "\"cls\": " + quoted(value) + ",";
  text += "\"last\": " + random_json(3) + "}";
  const auto expected = quoted(value);
  std::vector<std::size_t> cuts;
  for (int i = below(20); i > 0; --i) cuts.push_back(below(text.size() + 1));
  std::sort(cuts.begin(), cuts.end());
  const auto wanted = there ? expected.substr(1, expected.size() - 2) : "(none)";
  RC_LOG() << text << "\n";
  RC_ASSERT(in_one(text) == wanted);
  RC_ASSERT(byte_by_byte(text) == wanted);
  RC_ASSERT(look(text, cuts).value == wanted);
}

}  // namespace
}  // namespace fm
