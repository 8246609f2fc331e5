// The closed set of operations a revision is made of.
//
// Every operation is a value: it can be run, lowered to the server, described
// and reversed. Each has its own file pair with the struct below it and these
// members:
//
//   static T parse(Arguments&)        from the YAML arguments; throws on unknown or missing ones
//   void apply(Document&, Context&)   edits in process; tells the context what it displaced
//   optional<Lowered> lower(const Bindings&)
//                                     the same edit on the server, and which documents are still
//                                     pending; nothing where there is no such form
//   optional<Steps> inverse()         the way back, where it can be derived
//   string describe()                 one line for plans and `revisions show`
//   vector<string> loses()            what is gone after running it; empty when nothing
//
// The server-side and the in-process form give the same document, to the byte.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ops/arguments.h"
#include "ops/compute.h"
#include "ops/context.h"
#include "ops/custom.h"
#include "ops/drop_collections.h"
#include "ops/drop_references.h"
#include "ops/each.h"
#include "ops/each_field.h"
#include "ops/extract.h"
#include "ops/guard.h"
#include "ops/index.h"
#include "ops/inline.h"
#include "ops/insert_element.h"
#include "ops/lowered.h"
#include "ops/map_value.h"
#include "ops/predicate.h"
#include "ops/remove_documents.h"
#include "ops/remove_element.h"
#include "ops/rename.h"
#include "ops/set.h"
#include "ops/set_default.h"
#include "ops/unset.h"
#include "ops/warn.h"

namespace fm::ops {

using Operation =
    std::variant<SetDefault, Set, Unset, Rename, MapValue, Compute, Each, EachField, InsertElement, RemoveElement,
                 Extract, Inline, DropReferences, DropCollections, Index, RemoveDocuments, Guard, Warn, Custom>;

// Which documents a step edits.
struct Target {
  enum class Kind {
    kDocument,      // the dataset document; for database revisions: the `config` document
    kSamples,       // every document of sample_collection_name
    kFrames,        // every document of frame_collection_name, if the dataset owns it
    kSampleFrames,  // "frames." + sample_collection_name, of that age's layout
    kOwned,         // documents of a shared collection that name the dataset
    kDatabase,      // the list of collections
    kService,       // every document of a collection of a service
  };
  Kind kind = Kind::kDocument;
  std::string collection;  // kOwned: its name; kService: its name, or a parameter like "cas.groups"
  std::string owner_key;   // kOwned: the key that holds the dataset's _id
  Predicate filter;        // over a collection: on its documents
  bool operator==(const Target&) const = default;
};

struct Step {
  Operation operation;
  Target target;
  Predicate where;  // on the dataset document (or on the element, inside each / each_field)
  int line = 0;     // in the revision's file
  int column = 0;
};

// Runs one step on the dataset document. A step over a collection is noted in
// context.work with its arguments made concrete; steps over the list of
// collections are not for a dataset and are left out.
// Throws Error(kPrecondition) when a guard refuses.
void apply(const Step& step, bson::Document& dataset, Context& context);
void apply(const Steps& steps, bson::Document& dataset, Context& context);

// Runs one collection step on one document of that collection, in process; not
// for joins.
void apply_to_member(const Step& step, bson::Document& member, Context& context);
// Whether it would still change that document.
bool pending(const Step& step, const bson::Document& member, Context& context);

// The passes over the server that do one piece of work. Throws
// Error(kFailed) when the operation has no server-side form (the loader
// refuses such a revision).
std::vector<Pass> lower(const CollectionWork& work, const Context& context);

// Its passes read and write more than the collection it is over.
bool joins(const Step& step);

// The way back of a list of steps, last first. Nothing when one has none.
std::optional<Steps> inverse(const Steps& steps);

std::string name(const Step& step);
bool is_guard(const Step& step);
// The documents of other collections that the steps will ask the context for,
// as far as the stored dataset document tells: for reading many at once.
bool has_references(const Steps& steps);
void references(const Steps& steps, const bson::Document& dataset,
                std::vector<std::pair<std::string, bson::Value>>& out);
// The key that a step will ask for in the results of this run; null for none.
const char* results_key(const Steps& steps, const bson::Document& run);
std::string describe(const Step& step);
std::vector<std::string> loses(const Step& step);

// One step as written:
//
//   OPERATION: {arguments}
//   where: {...}                on the dataset document
//   over: samples | frames | sample_frames | database | {collection: NAME, owner: KEY}
//         SERVICE.NAME | {collection: NAME}     for services: a parameter, or a collection
//   filter: {...}               on the documents of that collection
//
// Throws Error(kUsage) for an unknown operation, wrong arguments, or an
// operation over a collection that has no server-side form.
Step parse_step(const bson::Document& step, int line);
// The names of all operations.
std::vector<std::string> operation_names();

}  // namespace fm::ops
