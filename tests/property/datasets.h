// Whole datasets as clients of different ages write them, and revisions run on
// them in process: the dataset document with its runs and views, its samples,
// frames and delegated operations.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ops/operation.h"
#include "revisions/catalogue.h"

namespace fm {

struct FakeDatabase {
  bson::Document dataset;
  std::map<std::string, std::vector<bson::Document>> collections;
  bool operator==(const FakeDatabase&) const = default;

  bson::Document* find(const std::string& collection, const bson::Value& id);
  std::string text() const;
};

// How data are chosen: at random, or everything that can be there.
enum class Content { kRandom, kFull };

// A dataset of 1.22.1. `media_type` is image, video, group, or nothing for a
// dataset without samples.
FakeDatabase modern_dataset(Content content, const std::string& media_type);
// A dataset of 0.5, before all revisions.
FakeDatabase ancient_dataset(Content content, const std::string& media_type);
// What a client of that revision's age adds to a dataset that was lifted to it.
void use(FakeDatabase& db, const std::string& revision, Content content);

struct Outcome {
  std::vector<ops::Displaced> displaced;  // in the dataset document and in members
  std::vector<ops::Message> messages;

  bool lost() const;
};

// One revision, up or down. Throws Error where a guard refuses.
Outcome migrate(FakeDatabase& db, const Revision& revision, bool up);

}  // namespace fm
