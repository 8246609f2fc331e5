#include "exec/problem.h"

namespace fm {

const char* name_of(Problem::Kind kind) {
  switch (kind) {
    case Problem::Kind::kPending:
      return "pending";
    case Problem::Kind::kMissing:
      return "missing";
    case Problem::Kind::kDangling:
      return "dangling";
    case Problem::Kind::kDamaged:
      return "damaged";
    case Problem::Kind::kHalfWay:
      return "half-way";
    case Problem::Kind::kOrphan:
      return "orphan";
    case Problem::Kind::kNote:
      return "note";
  }
  return "";
}

}  // namespace fm
