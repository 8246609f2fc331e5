#include "exec/problem.h"

#include <algorithm>
#include <stdexcept>

namespace fm {

using Kind = Problem::Kind;

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kPending:
      return "pending";
    case Kind::kMissing:
      return "missing";
    case Kind::kDangling:
      return "dangling";
    case Kind::kDamaged:
      return "damaged";
    case Kind::kHalfWay:
      return "half-way";
    case Kind::kOrphan:
      return "orphan";
    case Kind::kNote:
      return "note";
  }
  return "";
}

const std::vector<ProblemType>& problem_types() {
  static const std::vector<ProblemType> kTypes = {
      {"run-interrupted", Kind::kHalfWay, "a run that did not end", "finishes that run first, as every command does",
       "The journal says what was still to do."},
      {"restore-interrupted", Kind::kHalfWay, "a restore that was cut off while it put collections in their places",
       nullptr, "`restore` of the same backup finishes it; until then nothing else is written."},
      {"dataset-parked", Kind::kHalfWay, "a dataset that such a run had under way",
       "finishes the run that parked it, if the journal has it",
       "Without its journal nobody knows which samples were done."},
      {"deletes-left", Kind::kHalfWay, "documents that such a run was still to delete",
       "finishes that run, if the journal has it", "Without its journal nobody knows who else uses them."},
      {"version-older", Kind::kHalfWay, "a dataset that holds more than its version brings",
       "sets the version that its content proves",
       "Certain if the content fits one stretch of versions between which no revision changes anything of it."},
      {"version-damaged", Kind::kDamaged, "a dataset whose version is none", "sets the version that its content proves",
       "As for version-older."},
      {"revision-pending", Kind::kPending, "steps of a revision that were not done on a dataset or its runs",
       "runs the missing steps",
       "They change only what is missing, as migrating would have; not where the slug they make is taken."},
      {"documents-pending", Kind::kPending, "samples, frames or operations that such a revision has not reached",
       "runs the missing steps on them", "They change only what is missing, as migrating would have."},
      {"times-missing", Kind::kNote, "samples or frames without created_at or last_modified_at", nullptr,
       "A field of yours of that name may have had gaps before 1.0.0."},
      {"frames-unnamed", Kind::kMissing, "a video dataset that does not name its frames",
       "sets the name that clients give", "It follows from the name of the samples, where that is one of a client's."},
      {"samples-missing", Kind::kMissing, "a dataset whose samples are not there", nullptr, "Only a backup has them."},
      {"collection-is-view", Kind::kDamaged, "a dataset whose samples or frames are a view of the database", nullptr,
       "Only you know which collection should be there."},
      {"database-version-missing", Kind::kMissing, "a database without a version", nullptr,
       "The next client stores its own, and nobody knows which that is."},
      {"reference-gone", Kind::kDangling, "a run, view or workspace without its document", "drops the reference",
       "An id is made once. Not where the undo log still holds the document: undo brings it back."},
      {"results-gone", Kind::kDangling, "results of a run that are not in fs.files", "sets the results to null",
       "As clients store a run without results. Not where fs.chunks still holds their bytes."},
      {"frames-without-samples", Kind::kDangling, "frames whose sample is not there", nullptr,
       "The samples may come back from a backup; deleting is no mending."},
      {"clips-source-gone", Kind::kDangling, "a clips dataset whose source's frames are gone", nullptr,
       "Only a backup has them."},
      {"name-missing", Kind::kDamaged, "a dataset without a name", nullptr, "Nobody knows how it was called."},
      {"fields-missing", Kind::kDamaged, "a dataset without a readable list of fields", nullptr,
       "Values do not tell how a field was declared."},
      {"field-broken", Kind::kDamaged, "a field without a name or type", nullptr,
       "Values do not tell how a field was declared."},
      {"field-twice", Kind::kDamaged, "the same field twice", "removes the second one",
       "Certain where both are equal, to the byte."},
      {"id-damaged", Kind::kDamaged, "a reference that is no id", nullptr, "Nobody knows which document was meant."},
      {"reference-shared", Kind::kDamaged,
       "a run, view or workspace that names another dataset than the one that uses it",
       "makes it name the dataset that uses it", "Certain where all datasets can be read and only one uses it."},
      {"results-cut", Kind::kDamaged, "results of a run whose bytes are not all there", nullptr,
       "Only a backup has them."},
      {"stamp-of-clips", Kind::kDamaged, "frames stamped with the id of a clips dataset, by a defect of the original",
       "stamps them with the dataset that owns them", "Frames belong to the source; clips only share them."},
      {"stamp-of-nobody", Kind::kDamaged, "samples or frames stamped with a dataset that does not exist",
       "stamps them with the dataset that owns them", "They are in its collection, and nobody else's."},
      {"stamp-of-another", Kind::kDamaged, "samples or frames stamped with another dataset", nullptr,
       "They may belong there and be in the wrong collection."},
      {"points-wrapped-twice", Kind::kDamaged, "polylines whose points are wrapped twice or more",
       "unwraps them to a list of shapes",
       "Wrapping put one list around them; where there are several, nothing is done."},
      {"points-unwrapped", Kind::kDamaged, "polylines whose points are one shape, not a list of shapes", "wraps them",
       "Revision 0.6.2 does just that."},
      {"name-clash", Kind::kDamaged, "one name for several datasets", nullptr,
       "Which one is to keep it is yours to say."},
      {"slug-clash", Kind::kDamaged, "one slug for several datasets", "gives each the slug of its own name",
       "A slug follows from the name. Not where that one is taken."},
      {"collection-clash", Kind::kDamaged, "one collection for several datasets", nullptr,
       "Nobody knows whose samples they are."},
      {"label-clash", Kind::kDamaged, "one name or slug for several saved views, or workspaces, of a dataset", nullptr,
       "Which one is to keep it is yours to say."},
      {"several-configs", Kind::kDamaged, "several documents in config", "keeps the newest", "Clients do the same."},
      {"database-version-damaged", Kind::kDamaged, "a database whose version is none", nullptr,
       "Nobody knows which client wrote it last."},
      {"documents-orphaned", Kind::kOrphan, "runs, views or workspaces that no dataset names", nullptr,
       "They do no harm; deleting is no mending."},
      {"collection-orphaned", Kind::kOrphan, "samples or frames of no dataset", nullptr,
       "They do no harm; deleting is no mending."},
      {"files-orphaned", Kind::kNote, "files that no run names as its results", nullptr,
       "They do no harm; deleting is no mending."},
      {"import-unfinished", Kind::kNote, "an import or copy of a dataset that has not ended", nullptr,
       "The same import goes on with it; any other one takes back what it left."},
      {"indexes-missing", Kind::kNote, "indexes that new datasets have", "makes them",
       "They hold no data. Not a unique one where values are there twice."},
      {"values-waiting", Kind::kNote, "values of a dataset that another client took up, in the undo log", nullptr,
       "`residue apply` gives back what was not edited since."},
      {"version-newer", Kind::kNote, "a dataset newer than this program", nullptr, "It is not looked at."},
  };
  return kTypes;
}

Problem problem_of(const char* code, std::string where, std::string what, std::string remedy, std::int64_t count) {
  const auto& types = problem_types();
  const auto type = std::find_if(types.begin(), types.end(),
                                 [&](const ProblemType& one) { return std::string_view(one.code) == code; });
  if (type == types.end()) throw std::logic_error(std::string("no such problem: ") + code);
  Problem out;
  out.code = code;
  out.kind = type->kind;
  out.where = std::move(where);
  out.what = std::move(what);
  out.remedy = std::move(remedy);
  out.count = count;
  return out;
}

}  // namespace fm
