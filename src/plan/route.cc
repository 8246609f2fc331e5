#include <algorithm>

#include "plan/plan.h"
#include "plan/refusals.h"

namespace fm {
namespace {

using Position = std::vector<Revision>::const_iterator;

// The first revision after `version`: one at the same version counts as applied.
Position first_after(const std::vector<Revision>& revisions, const Version& version) {
  return std::upper_bound(revisions.begin(), revisions.end(), version,
                          [](const Version& v, const Revision& r) { return v < r.version.base(); });
}

}  // namespace

Route make_route(const Catalogue& catalogue, const std::vector<Revision>& revisions, const std::string& from,
                 const std::string& to) {
  static const Version first_to_store_versions = Version::parse("0.6.2");
  const Version head = Version::parse(from).base();
  const Version goal = Version::parse(to).base();
  const Version client = Version::parse(catalogue.client).base();
  if (head > client || goal > client) throw refusals::newer_than_client(head, goal, client);

  Route route{from, to, goal >= head ? Direction::kUp : Direction::kDown, {}, goal >= first_to_store_versions};
  const Position head_end = first_after(revisions, head);
  const Position goal_end = first_after(revisions, goal);
  const Position end = std::max(head_end, goal_end);
  for (Position at = std::min(head_end, goal_end); at != end; ++at) route.revisions.push_back(&*at);
  if (route.direction == Direction::kDown) std::ranges::reverse(route.revisions);
  return route;
}

}  // namespace fm
