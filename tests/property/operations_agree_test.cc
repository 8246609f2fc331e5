// The server's form of every operation gives the same documents as the one in
// process, to the byte; its pending filter matches exactly the documents that
// would change; doing it again changes nothing.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "ops/server_form.h"
#include "property/collections.h"

namespace fm {
namespace {

using bson::Array;
using bson::Document;
using bson::Value;
using ops::Step;
using ops::Target;

constexpr const char* kCollection = "members";

class Agreement : public Properties {};

class StepContext {
  ops::IdGenerator ids_{kNow, "seed"};

 public:
  explicit StepContext(Value dataset = kDatasetId) : context(std::move(dataset), kNow, ids_, nullptr) {}
  ops::Context context;
};

Step over_samples(ops::Operation operation) {
  return {std::move(operation), {Target::Kind::kSamples, {}, {}, {}}, {}, 0};
}

void agree(const Step& step, const std::vector<Document>& docs, const Value& dataset = kDatasetId) {
  RC_LOG() << ops::describe(step) << "\n";
  fill(kCollection, docs);
  const auto before = stored(kCollection);
  StepContext run(dataset);
  const ops::CollectionWork work{&step, "1.2.3", kCollection, "", {}, false};
  const auto passes = ops::lower(work, run.context);
  RC_ASSERT(passes.size() == 1u);

  std::set<std::string> pending;
  auto expected = before;
  for (auto& doc : expected) {
    if (ops::pending(step, doc, run.context)) pending.insert(encoded(*doc.find("_id")));
    ops::apply_to_member(step, doc, run.context);
  }
  const auto matched = matching(kCollection, wanted(passes[0]));
  if (matched != pending) {
    for (const auto& doc : before) {
      const auto id = encoded(*doc.find("_id"));
      if (matched.contains(id) != pending.contains(id)) {
        RC_LOG() << (pending.contains(id) ? "pending, not matched: " : "matched, not pending: ") << bson::shown(doc)
                 << "\n";
      }
    }
    RC_FAIL("the pending filter is wrong");
  }
  RC_ASSERT(measure_pending(test_server(), passes[0]).documents == static_cast<std::int64_t>(pending.size()));

  run_all(passes, between(1, 11));
  const auto after = stored(kCollection);
  same(after, expected, before);

  // Twice is once.
  for (const auto& doc : after) RC_ASSERT_FALSE(ops::pending(step, doc, run.context));
  RC_ASSERT(measure_pending(test_server(), passes[0]).documents == 0);
  run_all(passes, 3);
  RC_ASSERT(stored(kCollection) == after);
}

std::vector<Document> members(const std::function<Document(int)>& make) {
  std::vector<Document> out;
  const int count = between(1, 29);
  for (int i = 0; i < count; ++i) out.push_back(make(i));
  return out;
}

// Documents that may have `a`, nearly the value, and `b`.
std::vector<Document> members_near(const Value& value) {
  return members([&](int i) {
    std::vector<std::pair<std::string, Value>> elements;
    if (chance(75)) elements.emplace_back("a", near(value));
    if (chance(40)) elements.emplace_back("b", near(value));
    return scattered(i, std::move(elements));
  });
}

Value comparable_value() {
  for (;;) {
    auto value = plain_value();
    if (ops::comparable(value)) return value;
  }
}

RC_GTEST_FIXTURE_PROP(Agreement, SetDefault, ()) {
  const auto value = plain_value();
  agree(over_samples(ops::SetDefault{"a", value, chance(50)}), members_near(value));
}

RC_GTEST_FIXTURE_PROP(Agreement, Set, ()) {
  const auto value = comparable_value();
  agree(over_samples(ops::Set{"a", value}), members_near(value));
}

RC_GTEST_FIXTURE_PROP(Agreement, SetOfWhatCannotBeCompared, ()) {
  const auto value = any_value();
  RC_ASSERT(ops::Set({"a", value}).lower({}).has_value() == ops::comparable(value));
}

RC_GTEST_FIXTURE_PROP(Agreement, Unset, ()) {
  ops::Unset unset;
  unset.paths = chance(50) ? std::vector<bson::Path>{"a"} : std::vector<bson::Path>{"b", "none", "a"};
  agree(over_samples(unset), members_near(any_value()));
}

RC_GTEST_FIXTURE_PROP(Agreement, Rename, ()) { agree(over_samples(ops::Rename{"a", "b"}), members_near(any_value())); }

RC_GTEST_FIXTURE_PROP(Agreement, RenameOfFilteredMembers, ()) {
  auto step =
      ops::parse_step(json(R"({"rename": {"from": "a", "to": "b"}, "over": {"collection": "members", "owner": "owner"},
                                       "filter": {"a": {"ends_with": ".log"}}})"),
                      0);
  const auto docs = members([](int i) {
    const auto text = [] {
      return Value(
          pick<std::string>({"x.log", ".log", "x.log ", "x.log\n", "log", "xlog", ".LOG", "x.log.y", "a\nb.log"}));
    };
    std::vector<std::pair<std::string, Value>> elements;
    if (chance(80))
      elements.emplace_back("a", chance(70)   ? text()
                                 : chance(50) ? Value(Array{text(), 1})
                                              : Value(Document{{"a", text()}}));
    if (chance(30)) elements.emplace_back("b", any_value());
    return scattered(i, std::move(elements));
  });
  step.target = {Target::Kind::kSamples, {}, {}, step.target.filter};
  agree(step, docs);
}

RC_GTEST_FIXTURE_PROP(Agreement, MapValue, ()) {
  ops::MapValue map;
  map.path = "a";
  map.into = chance(50) ? "a" : "b";
  for (const char* key : {"", "k", "$k", "other"}) {
    if (chance(60)) map.table.append(key, chance(30) ? Value("k") : comparable_value());
  }
  if (map.table.empty()) map.table.append("k", 1);
  if (chance(50)) map.otherwise = comparable_value();
  map.when_absent = chance(40);
  if (map.path == map.into && !map.when_absent) {
    // A result that is looked up again would go on changing.
    const auto settled = [&](const Value& value) {
      const auto* text = value.as<std::string>();
      return text && map.table.has(*text) ? Value(std::int32_t{1}) : value;
    };
    if (map.otherwise) map.table = Document{{"k", *map.otherwise}};
    for (auto& [key, value] : map.table) value = settled(value);
    if (map.otherwise) map.otherwise = map.table[0].value;
  }
  const auto docs = members([&](int i) {
    std::vector<std::pair<std::string, Value>> elements;
    const auto key = [] { return Value(pick<std::string>({"", "k", "$k", "other", "unknown", "$a"})); };
    if (chance(80)) elements.emplace_back("a", chance(70) ? key() : near(key()));
    if (chance(60)) elements.emplace_back("b", near(chance(70) ? map.table[0].value : map.otherwise.value_or(Value())));
    return scattered(i, std::move(elements));
  });
  agree(over_samples(map), docs);
}

RC_GTEST_FIXTURE_PROP(Agreement, ComputeNow, ()) {
  ops::Compute compute;
  compute.path = "a";
  agree(over_samples(compute), members_near(bson::Date{kNow}));
}

RC_GTEST_FIXTURE_PROP(Agreement, ComputeDatasetId, ()) {
  ops::Compute compute;
  compute.path = "a";
  compute.source = ops::Compute::Source::kDatasetId;
  const Value dataset = chance(50) ? Value(kDatasetId) : comparable_value();
  agree(over_samples(compute), members_near(dataset), dataset);
}

RC_GTEST_FIXTURE_PROP(Agreement, ComputeIdTime, ()) {
  ops::Compute compute;
  compute.path = "a";
  compute.source = ops::Compute::Source::kIdTime;
  const auto docs = members([](int i) {
    const Value ids[] = {random_of(arbitrary::oid(), 100),
                         bson::Date{between<std::int64_t>(-4'000'000'000'000, 4'000'000'000'000) / 100 * 100 + i},
                         between<std::int64_t>(-4'000'000'000'000, 4'000'000'000'000) / 100 * 100 + i,
                         static_cast<double>(between(-1'000'000, 999999)) + 0.001 * i};
    const auto& id = ids[below(4)];
    std::vector<std::pair<std::string, Value>> elements;
    if (chance(60)) elements.emplace_back("a", near(bson::Date{kNow}));
    return scattered(id, std::move(elements));
  });
  std::set<std::string> ids;
  for (const auto& doc : docs) {
    if (!ids.insert(encoded(*doc.find("_id"))).second) return;
  }
  agree(over_samples(compute), docs);
}

RC_GTEST_FIXTURE_PROP(Agreement, ComputeIdTimeOfOtherTypes, ()) {
  ops::Compute compute;
  compute.path = "a";
  compute.source = ops::Compute::Source::kIdTime;
  const auto step = over_samples(compute);
  const auto id = pick<Value>({std::int32_t{5}, true, "text", "", Document{{"a", 1}}, Document(), std::nan(""),
                               std::numeric_limits<double>::infinity(), 1e300, bson::Binary{0, "x"}, bson::Null{}});
  fill(kCollection, {Document{{"_id", id}}});
  StepContext run;
  const ops::CollectionWork work{&step, "1.2.3", kCollection, "", {}, false};
  Document doc{{"_id", id}};
  bool process_throws = false;
  bool server_throws = false;
  try {
    ops::apply_to_member(step, doc, run.context);
  } catch (const Error&) {
    process_throws = true;
  }
  try {
    run_all(ops::lower(work, run.context), 100);
  } catch (const Error&) {
    server_throws = true;
  }
  RC_ASSERT(process_throws == server_throws);
  if (!process_throws) RC_ASSERT(stored(kCollection)[0] == doc);
}

RC_GTEST_FIXTURE_PROP(Agreement, PolylineShapes, ()) {
  const bool wrap = chance(50);
  const auto step = ops::parse_step(
      Document{{"custom", Document{{"function", "polyline_shapes"}, {"wrap", wrap}}}, {"over", "samples"}}, 0);
  const auto docs = members([](int i) {
    std::vector<std::pair<std::string, Value>> elements;
    for (const char* key : {"a", "b", "c"}) {
      if (chance(60)) elements.emplace_back(key, any_label());
    }
    return scattered(i, std::move(elements));
  });
  agree(step, docs);
}

// What a run down would lose is counted by a query.
RC_GTEST_FIXTURE_PROP(Agreement, PolylineLosses, ()) {
  const auto step =
      ops::parse_step(json(R"({"custom": {"function": "polyline_shapes", "wrap": false}, "over": "samples"})"), 0);
  fill(kCollection, members([](int i) { return scattered(i, {{"a", any_label()}}); }));
  StepContext run;
  const auto passes = ops::lower({&step, "1.2.3", kCollection, "", {}, false}, run.context);
  RC_ASSERT(passes[0].loss.has_value());
  std::set<std::string> lossy;
  for (auto doc : stored(kCollection)) {
    StepContext one;
    const auto id = encoded(*doc.find("_id"));
    ops::apply_to_member(step, doc, one.context);
    for (const auto& displaced : one.context.displaced) {
      if (displaced.lost) lossy.insert(id);
    }
  }
  RC_ASSERT(matching(kCollection, *passes[0].loss) == lossy);
}

// ---- Conditions.

RC_GTEST_FIXTURE_PROP(Agreement, Predicates, ()) {
  const auto value = comparable_value();
  const auto other = comparable_value();
  const auto path = pick<std::string>({"a", "a.b"});
  const auto text = pick<std::string>({"", ".log", "a.b", "$x", "(", "é"});
  const std::vector<Document> conditions = {
      {{path, Document{{"not", value}}}},
      {{path, Document{{"in", Array{value, other}}}}},
      {{path, Document{{"not_in", Array{value, other}}}}},
      {{path, Document{{"in", Array()}}}},
      {{path, Document{{"exists", chance(50)}}}},
      {{path, Document{{"null", chance(50)}}}},
      {{path, Document{{"type", pick<std::string>({"string", "array", "object", "int", "null", "objectId"})}}}},
      {{path, Document{{"starts_with", text}}}},
      {{"any", Array{Document{{"a", Document{{"in", Array{value}}}}}, Document{{"b", Document{{"exists", true}}}}}}},
      {{path, Document{{"exists", true}, {"not", value}}}, {"b", Document{{"null", false}}}},
  };
  Document where = conditions[below<std::size_t>(conditions.size())];
  if (!value.as<Document>() && chance(20)) where = Document{{path, value}};
  const auto predicate = ops::Predicate::parse(where);
  const auto docs = members([&](int i) {
    const auto some = [&] {
      return chance(30) ? Value(text + pick<std::string>({"", "x", "\n"})) : near(chance(70) ? value : other);
    };
    std::vector<std::pair<std::string, Value>> elements;
    if (chance(60)) {
      elements.emplace_back("a", path == "a" || chance(20) ? some()
                                 : chance(70)              ? Value(Document{{"b", some()}})
                                                           : Value(Array{Document{{"b", some()}}}));
    }
    if (chance(50)) elements.emplace_back("b", some());
    return scattered(i, std::move(elements));
  });
  fill(kCollection, docs);
  const auto query = predicate.query();
  RC_ASSERT(query.has_value());
  const auto matched = matching(kCollection, *query);
  for (const auto& doc : stored(kCollection)) {
    const bool found = matched.contains(encoded(*doc.find("_id")));
    if (found == predicate.matches(doc)) continue;
    RC_LOG() << bson::shown(where) << (found ? " is found: " : " is not found: ") << bson::shown(doc) << "\n";
    RC_FAIL("the query and the condition disagree");
  }
}

// ---- Joins.

constexpr const char* kSamples = "samples.x";
constexpr const char* kFrames = "frames.samples.x";

void join_agrees(const Document& arguments, const std::vector<Document>& samples, const std::vector<Document>& frames,
                 const std::function<void(std::vector<Document>&)>& settle) {
  const auto step = ops::parse_step(Document{{"custom", arguments}, {"over", "samples"}}, 0);
  const auto& custom = std::get<ops::Custom>(step.operation);
  fill(kSamples, samples);
  fill(kFrames, frames);
  const auto samples_before = stored(kSamples);
  const auto frames_before = stored(kFrames);
  auto expected_samples = samples_before;
  auto expected_frames = frames_before;
  for (auto& sample : expected_samples) custom.function->apply_join(sample, expected_frames, custom.arguments);
  settle(expected_frames);
  StepContext run;
  const auto passes = ops::lower({&step, "1.2.3", kSamples, kFrames, {}, false}, run.context);
  run_all(passes, pick<std::int64_t>({1, 60, 100, 1000}));
  const auto samples_after = stored(kSamples);
  const auto frames_after = stored(kFrames);
  same(samples_after, expected_samples, samples_before);
  same(frames_after, expected_frames, frames_before);

  // Twice is once, on the server and in process.
  run_all(passes, 1000);
  RC_ASSERT(stored(kSamples) == samples_after);
  RC_ASSERT(stored(kFrames) == frames_after);
  for (auto& sample : expected_samples) custom.function->apply_join(sample, expected_frames, custom.arguments);
  RC_ASSERT(expected_samples == samples_after);
  RC_ASSERT(expected_frames == frames_after);
}

Value sample_id(int i) { return i % 3 == 2 ? Value("sample " + std::to_string(i)) : Value(numbered_oid(1000 + i)); }

Value any_frames(int sample) {
  switch (below(10)) {
    case 0:
      return any_value();
    case 1:
      return json(R"({"_cls": "_Frames", "frame_count": 1, "first_frame": null})");
    case 2:
      return Document();
    default:
      break;
  }
  Document map;
  for (int i = below(6); i > 0; --i) {
    const auto key = pick<std::string>(
        {"1", "1", "2", "3", "10", "01", "+1", "-1", " 1", "1 ", "1.0", "1e0", "0x1", "x", "", "11", "99999999999"});
    map.set(key, chance(97) ? Value(numbered_oid(sample * 8 + below(8))) : any_value());
  }
  return map;
}

Document any_frame(Value id, std::vector<std::pair<std::string, Value>> elements) {
  if (chance(50)) elements.emplace_back("shape", any_label());
  if (chance(10)) elements.emplace_back("_cls", any_value());
  return scattered(std::move(id), std::move(elements));
}

RC_GTEST_FIXTURE_PROP(Agreement, FrameMapUp, ()) {
  std::vector<Document> samples;
  std::vector<Document> frames;
  const int count = between(1, 5);
  for (int i = 0; i < count; ++i) {
    std::vector<std::pair<std::string, Value>> elements;
    if (chance(90)) elements.emplace_back("frames", any_frames(i));
    samples.push_back(scattered(sample_id(i), std::move(elements)));
    for (int f = 0; f < 8; ++f) {
      if (!chance(60)) continue;
      std::vector<std::pair<std::string, Value>> own;
      if (chance(80)) own.emplace_back("frame_number", f);
      if (chance(20)) own.emplace_back("_sample_id", any_value());
      frames.push_back(any_frame(numbered_oid(i * 8 + f), std::move(own)));
    }
  }
  if (chance(20)) frames.push_back(any_frame(bson::Null{}, {}));
  join_agrees(json(R"({"function": "frame_map", "up": true})"), samples, frames, [](auto&) {});
}

// Frames of samples, with numbers that are different or no numbers.
void samples_and_frames(std::vector<Document>& samples, std::vector<Document>& frames, bool numbers_twice) {
  const int count = between(1, 5);
  int id = 0;
  for (int i = 0; i < count; ++i) {
    std::vector<std::pair<std::string, Value>> elements;
    if (chance(60)) elements.emplace_back("frames", any_frames(i));
    samples.push_back(scattered(sample_id(i), std::move(elements)));
    for (int f = below(7); f > 0; --f) {
      const int number = numbers_twice ? below(3) : 2 * f + below(2);
      const Value numbers[] = {
          number,  static_cast<std::int64_t>(number), static_cast<double>(number), number + 0.5, "1", bson::Null{},
          Array{1}};
      std::vector<std::pair<std::string, Value>> own;
      if (chance(95)) own.emplace_back("frame_number", chance(75) ? Value(number) : numbers[below(7)]);
      own.emplace_back("_sample_id", chance(85) ? sample_id(i) : chance(50) ? Value("nobody") : Value(bson::Null{}));
      frames.push_back(any_frame(numbered_oid(++id), std::move(own)));
    }
  }
}

RC_GTEST_FIXTURE_PROP(Agreement, FrameMapDown, ()) {
  std::vector<Document> samples;
  std::vector<Document> frames;
  samples_and_frames(samples, frames, false);
  // Frames of no sample lose the key too.
  join_agrees(json(R"({"function": "frame_map", "up": false})"), samples, frames, [](std::vector<Document>& all) {
    for (auto& frame : all) frame.take("_sample_id");
  });
}

// A run that was killed while frames lost their `_sample_id` starts again.
RC_GTEST_FIXTURE_PROP(Agreement, FrameMapDownStartedAgain, ()) {
  std::vector<Document> samples;
  std::vector<Document> frames;
  samples_and_frames(samples, frames, false);
  const auto step =
      ops::parse_step(json(R"({"custom": {"function": "frame_map", "up": false}, "over": "samples"})"), 0);
  StepContext run;
  const auto passes = ops::lower({&step, "1.2.3", kSamples, kFrames, {}, false}, run.context);
  RC_ASSERT(passes.size() == 3u);
  fill(kSamples, samples);
  fill(kFrames, frames);
  run_all(passes, 100);
  const auto samples_after = stored(kSamples);
  const auto frames_after = stored(kFrames);

  fill(kSamples, samples);
  fill(kFrames, frames);
  run_all({passes[0], passes[1]}, 100);
  auto half = passes[2];
  half.rescan = false;
  half.filter = Document{{"_id", Document{{"$lt", numbered_oid(below(30))}}}};
  run_all({half}, 100);
  run_all(passes, 100);
  same(stored(kSamples), samples_after, samples);
  RC_ASSERT(stored(kFrames) == frames_after);
}

RC_GTEST_FIXTURE_PROP(Agreement, FrameSummary, ()) {
  std::vector<Document> samples;
  std::vector<Document> frames;
  samples_and_frames(samples, frames, true);
  join_agrees(json(R"({"function": "frame_summary"})"), samples, frames, [](auto&) {});
}

}  // namespace
}  // namespace fm
