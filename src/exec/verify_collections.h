// What `verify` asks the server about the samples and frames of one dataset.
#pragma once

#include <vector>

#include "exec/verify_data.h"
#include "exec/verify_document.h"

namespace fm {

// Problems of the checks that some document fails. Without `deep` only the
// first and last thousand documents of a collection are looked at: one query
// for a collection in which nothing is found.
std::vector<Problem> run_checks(Mongo& mongo, const std::vector<CollectionCheck>& checks, const SharedData& data,
                                bool deep);

// Frames of samples that are not there.
std::vector<Problem> frames_without_samples(Mongo& mongo, const std::string& frames, const std::string& samples,
                                            bool deep);

// Indexes, as createIndexes takes them, that a client would have made.
std::vector<Problem> missing_indexes(Mongo& mongo, const std::string& collection,
                                     const std::vector<bson::Document>& expected);

}  // namespace fm
