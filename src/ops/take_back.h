// Collection steps the way back, for undo. The way back of a step is exact for
// all documents but those that displaced() names, whose images are restored.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

// Matches the documents, as they are before the step, that it and its way back
// together do not give back; by collection.
std::vector<std::pair<std::string, bson::Document>> displaced(const CollectionWork& work);
// The same step the way back, in process on one document of that collection:
// what becomes of it when the step was run before.
void there_and_back(const CollectionWork& work, const std::string& collection, bson::Document& member,
                    Context& context);
// The same as far as it takes the document as it stands after the way back: of a
// sample that a join has left alone, what its way back has made of it.
void left_alone(const CollectionWork& work, const std::string& collection, const bson::Document& image,
                const bson::Document& stands, bson::Document& member);
// A collection and a key of it whose unique indexes a join or its way back drops.
std::optional<std::pair<std::string, std::string>> drops_unique(const CollectionWork& work);
// The step itself; of a join only what it takes away.
void there(const CollectionWork& work, const std::string& collection, bson::Document& member, Context& context);

// All works over one collection the way back and there again, as stages of an
// aggregation; a document whose keys then differ loses something on the way back.
// No keys where images alone, joins, or functions on labels bring it back, which
// carry edits along. Bindings are the run's.
Lowered back_and_there(const std::vector<CollectionWork>& works, const Bindings& bindings);

// The passes that undo one piece of work; none where images alone do.
std::vector<Pass> take_back(const CollectionWork& work);

}  // namespace fm::ops
