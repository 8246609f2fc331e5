// Three-way merge of documents: a change made elsewhere is carried over to a
// document that may have been edited since.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bson/document.h"

namespace fm::bson {

// May decide on a leaf in place of the rules below; nothing leaves it to them.
// An absent value is nullptr.
using MergeRule = std::function<std::optional<Value>(const Value* base, const Value* mine, const Value* theirs)>;

struct Merged {
  Document document;
  // Dotted paths where `mine` and `theirs` both differ from `base`: those of
  // `mine` were kept. Elements of lists go by their name, key or _id.
  std::vector<std::string> conflicts;
};

// What `theirs` changed against `base`, done to `mine`. Where `mine` is as
// `base`, the result is as `theirs`, to the byte and in its order of keys;
// where it is not, `mine` stays. Documents merge key by key; lists do when
// their elements are told apart by a name, key or _id, or are different
// strings or ObjectIds; any other value is one leaf. A container that `base`
// lacks merges only at the top level: further down it is one thing, and that
// of `mine` stays.
Merged merge(const Document& base, const Document& mine, const Document& theirs, const MergeRule& rule = nullptr);

}  // namespace fm::bson
