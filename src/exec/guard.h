// What keeps the edits of other clients from being overwritten (rule E7).
#pragma once

#include <cstddef>

#include "bson/document.h"

namespace fm {

// A guard carries the document as read; with the replacement it must fit into
// one statement.
constexpr std::size_t kWholeGuardBytes = std::size_t{7} << 20;

// A filter that matches the document of that _id only while it is as read. Of one
// above kWholeGuardBytes the version and the smaller ones of the keys are
// compared that `after` changes or no longer has; otherwise `after` is not looked
// at. Nothing comes after a deletion: an empty document.
//
// Two things are no change to it: numbers of equal value, whatever their type,
// and the keys of a document in another order with the same values.
bson::Bytes guard(const bson::Value& id, const bson::Bytes& read, const bson::Document& after);

// The document as it is while it is parked: its version is kParkedVersion, at
// the place of the version or at the end.
bson::Bytes parked(const bson::Bytes& before);

}  // namespace fm
