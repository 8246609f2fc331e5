// A dataset together with the documents of other collections that it refers to
// (runs, saved views), and the merge of such worlds.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bson/document.h"
#include "exec/prepare.h"
#include "exec/residue.h"
#include "ops/context.h"

namespace fm {

// Documents of other collections, by collection and encoded _id.
using Others = std::map<std::pair<std::string, std::string>, bson::Document>;
Others others_of(const std::vector<OtherDocument>& documents);
// As an operation's context holds them now.
Others others_of(const ops::References& references);

// Every ObjectId in it, at any depth.
void collect_ids(const bson::Value& value, std::set<bson::Oid>& out);

// Merges (bson/merge.h) datasets and the documents behind their references.
// Two references are the same where the documents behind them are: an id of
// `theirs` wins over one that was generated (rule G2), with edits of `mine`
// carried over. A document of `theirs` comes back only if the merged dataset
// names it; one that was made on the way to `base` goes if it does not.
// `mine_others` is edited. The result is the dataset; conflicts are added.
struct Drawn {
  std::set<bson::Oid> ids;    // in `base`; whoever made `mine` drew others: `theirs` comes back
  std::set<bson::Oid> files;  // the same of GridFS files: those of `mine` stay
};
bson::Document merge_worlds(const bson::Document& base, ops::References& base_others, const bson::Document& mine,
                            ops::References& mine_others, const bson::Document& theirs, const Others& theirs_others,
                            std::vector<std::string>& conflicts, const Drawn& drawn = {});

// The way of a run from an image, worked out again.
class DatasetReplay {
 public:
  // Reads references that the image does not hold from `sources`.
  DatasetReplay(Image image, const Route& route, const RunRecord& run, const PrepareSources& sources);

  const Image& image() const { return image_; }
  // Collection steps of that run, in its order.
  const std::vector<ops::CollectionWork>& work() const { return work_; }
  bool open_for(const std::string& revision) const;

  // The samples and frames that a way up by `route` gives back, once its steps
  // are in `context`.
  std::vector<MemberRestore> members(const Route& route, const ops::Context& context) const;

  // Rule R5: the dataset was lifted by another client. What that made of what
  // the way down had left is worked out again; where it still stands, what the way
  // down displaced comes back. Revisions above `version`, and those that are not
  // open, are left out; `revisions` are all there are, oldest first.
  void give_back(const std::vector<Revision>& revisions, const Version& version, const RunFacts& facts,
                 Prepared& dataset) const;

  // Gives back what the way down through `revision` displaced, to a dataset
  // that was at `before_step` and has just been taken up through it in
  // `context`. What could not be given back is returned by path.
  std::vector<std::string> restore(const Revision& revision, const bson::Document& before_step, bson::Document& mine,
                                   ops::Context& context, const RunFacts& facts) const;

 private:
  struct State {
    bson::Document dataset;
    Others others;
  };
  struct World {
    bson::Document dataset;
    ops::Context context;
  };
  // From where the way down through up.front() had left it; `giving` names
  // revisions that give back what they took.
  World climb(const std::vector<const Revision*>& up, const std::set<std::string>& giving, const RunFacts& facts,
              const Prepared& of) const;
  // Samples and frames, where `up` are the steps from `lowest` on to `to`.
  std::vector<MemberRestore> members(const Version& lowest, const Version& to,
                                     const std::vector<ops::CollectionWork>& up) const;
  Image image_;
  PrepareSources sources_;
  std::int64_t now_ms_;
  ops::IdGenerator ids_;
  std::map<std::string, std::pair<State, State>> states_;  // before and after the way down, by revision
  std::vector<ops::CollectionWork> work_;
  std::set<std::string> made_files_;  // of GridFS, by encoded _id
};

}  // namespace fm
