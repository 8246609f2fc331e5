// Ids in a dataset document, and what stands behind them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "exec/verify_data.h"
#include "exec/verify_document.h"

namespace fm {

// How many datasets name a document, by collection and encoded _id.
using UsedIds = std::map<std::string, std::map<std::string, int>>;

// What is wrong with the references of one dataset. Mends ask the server again;
// `mongo` must outlive them.
std::vector<Problem> reference_problems(Mongo& mongo, const bson::Document& dataset,
                                        const std::vector<Reference>& references, const SharedData& data);

// Saved views, and workspaces, of one dataset that clients cannot tell apart.
std::vector<Problem> label_problems(const std::vector<Reference>& references, const SharedData& data);

// A document that names another dataset may be made to name this one only where
// nobody else uses it, which is known when all datasets were looked at: until
// then each such problem has its mend. This takes it from those that are used
// twice, or, with `!all_read`, from all.
void settle_shared(std::vector<Problem>& problems, const UsedIds& used, bool all_read);

}  // namespace fm
