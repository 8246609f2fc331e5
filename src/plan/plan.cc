#include "plan/plan.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "plan/refusals.h"
#include "plan/rulings.h"

namespace fm {
namespace {

class Planner {
 public:
  Planner(const Catalogue& catalogue, const Heads& heads, const Request& request)
      : catalogue_(catalogue), heads_(heads), request_(request), client_(Version::parse(catalogue.client).base()) {
    plan_.target = request.target.value_or(catalogue.client);
    plan_.database_version = heads.database.value_or(catalogue.client);
  }

  Plan make() && {
    if (request_.command == Request::Command::kDropIn) {
      drop_in();
    } else {
      migrate();
    }
    return std::move(plan_);
  }

 private:
  using Judgement = Rulings::Judgement;

  void drop_in();
  void connect();
  Judgement drop_in_database(const std::string& head) const;
  Judgement drop_in_dataset(const std::string& head, const std::string& target) const;
  bool is_admin() const { return request_.admin.value_or(heads_.edition == Edition::kOpenSource); }
  bool can_skip(const std::string& head) const;

  void migrate();
  void check_migrate_versions() const;
  bool at_or_above_target(const std::string& head) const;

  Judgement database_route(const std::string& head, const std::string& target) const;
  Judgement dataset_route(const std::string& head, const std::string& target) const;

  void plan_database(Judgement judgement);
  void save_assumed_version();
  void plan_all(Rulings rulings);
  void plan_names(Rulings rulings);
  bool plan_dataset(std::size_t index, Rulings& rulings);

  const Catalogue& catalogue_;
  const Heads& heads_;
  const Request& request_;
  const Version client_;  // base version
  Plan plan_;
};

// --- fiftyone migrate ---

// Spec runner 4: connect, then --all, else -n, else the database alone.
void Planner::drop_in() {
  if (request_.disabled) return;
  if (!request_.services_disabled) connect();

  const bool names_only = !request_.all && !request_.names.empty();
  if (!names_only) plan_database(drop_in_database(plan_.database_version));
  save_assumed_version();

  const std::string target = request_.target.value_or(plan_.database_version);
  Rulings rulings([&](const std::string& head) { return drop_in_dataset(head, target); }, plan_.routes);
  if (names_only) {
    plan_.target = target;
    plan_names(std::move(rulings));
  } else if (request_.all) {
    plan_all(std::move(rulings));
  }
}

// Spec runner 3: the check of every connection. Only open source is lifted.
void Planner::connect() {
  const std::string& head = plan_.database_version;
  if (can_skip(head) || head == catalogue_.client) return;
  if (!is_admin()) throw refusals::database_incompatible(head, catalogue_);
  Judgement lift = database_route(head, catalogue_.client);
  if (heads_.edition == Edition::kOpenSource) plan_database(std::move(lift));
}

// Spec runner 2.1.
Planner::Judgement Planner::drop_in_database(const std::string& head) const {
  if (!request_.target && can_skip(head)) return Hold::kThere;
  if (head == plan_.target) return Hold::kThere;
  if (is_admin()) return database_route(head, plan_.target);
  throw request_.target ? refusals::database_not_admin(head, plan_.target)
                        : refusals::database_incompatible(head, catalogue_);
}

// Spec runner 2.2.
Planner::Judgement Planner::drop_in_dataset(const std::string& head, const std::string& target) const {
  if (!request_.target && can_skip(head)) return Hold::kThere;
  if (head == target) return Hold::kThere;
  if (!is_admin() && target != plan_.database_version) return Hold::kAdminOnly;
  return dataset_route(head, target);
}

// Spec runner 1.3.
bool Planner::can_skip(const std::string& head) const {
  return catalogue_.compatible.contains(head) && (!is_admin() || Version::parse(head).base() > client_);
}

// --- fiftyone-migrator migrate ---

void Planner::migrate() {
  if (request_.disabled) throw refusals::migrations_disabled();
  if (request_.admin == false) throw refusals::admin_is_false();
  check_migrate_versions();

  Rulings rulings(
      [this](const std::string& head) {
        return at_or_above_target(head) ? Hold::kThere : dataset_route(head, plan_.target);
      },
      plan_.routes);
  if (!request_.names.empty()) return plan_names(std::move(rulings));

  const std::string head = plan_.database_version;
  plan_database(at_or_above_target(head) ? Hold::kThere : database_route(head, plan_.target));
  save_assumed_version();
  if (!request_.lazy) plan_all(std::move(rulings));
}

// Holds with names, too, where the database is left alone: a database that
// this release cannot know is none to touch datasets in.
void Planner::check_migrate_versions() const {
  if (!Version::try_parse(plan_.database_version)) throw refusals::database_version_unreadable(plan_.database_version);
  const Version head = Version::parse(plan_.database_version).base();
  const Version goal = Version::parse(plan_.target).base();
  const bool head_unknown = head > client_ && !catalogue_.compatible.contains(plan_.database_version);
  if (head_unknown || goal > client_) throw refusals::newer_than_client(head, goal, client_);
}

// Without VERSION nothing goes down; what is newer and not compatible is not
// "there" but refused, as on connecting. With VERSION only the text counts.
bool Planner::at_or_above_target(const std::string& head) const {
  if (request_.target || head == plan_.target) return head == plan_.target;
  const Version base = Version::parse(head).base();
  return base == client_ || (base > client_ && catalogue_.compatible.contains(head));
}

// --- both ---

Planner::Judgement Planner::database_route(const std::string& head, const std::string& target) const {
  return make_route(catalogue_, catalogue_.database, head, target);
}

// Without revisions, and below 0.6.2, nothing is written.
Planner::Judgement Planner::dataset_route(const std::string& head, const std::string& target) const {
  Route route = make_route(catalogue_, catalogue_.datasets, head, target);
  if (route.revisions.empty() && !route.dataset_keeps_version) return Hold::kThere;
  return route;
}

void Planner::plan_database(Judgement judgement) {
  if (Route* route = std::get_if<Route>(&judgement)) {
    plan_.database_version = route->to;
    plan_.database.push_back(std::move(*route));
  } else if (plan_.database.empty()) {
    ++plan_.unchanged;
  }
}

void Planner::save_assumed_version() { plan_.save_database_version = !heads_.database && plan_.database.empty(); }

// Spec runner 2.3. Every document goes by its own head, also where several
// share a name or have none.
void Planner::plan_all(Rulings rulings) {
  std::vector<std::size_t> order(heads_.datasets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return !heads_.datasets[i].has_name_key; });
  // UTF-8 compared by byte is in code-point order.
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    const auto& left = heads_.datasets[a].name;
    const auto& right = heads_.datasets[b].name;
    return left && right ? *left < *right : left.has_value() && !right.has_value();
  });
  for (const std::size_t index : order) plan_dataset(index, rulings);
}

// A name given again has nothing left to do, unless it was refused: then it is
// refused again, as by the original.
void Planner::plan_names(Rulings rulings) {
  std::unordered_map<std::string_view, std::vector<std::size_t>> by_name;
  for (std::size_t i = 0; i < heads_.datasets.size(); ++i) {
    if (heads_.datasets[i].name) by_name[*heads_.datasets[i].name].push_back(i);
  }
  std::unordered_set<std::size_t> done;
  for (const std::string& name : request_.names) {
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      plan_.refused.push_back({name, std::nullopt, refusals::dataset_not_found(name)});
      continue;
    }
    for (const std::size_t index : found->second) {
      if (!done.contains(index) && plan_dataset(index, rulings)) done.insert(index);
    }
  }
}

// False when the dataset was refused.
bool Planner::plan_dataset(std::size_t index, Rulings& rulings) {
  static const std::string unversioned = "0.0";
  const DatasetHead& dataset = heads_.datasets[index];
  const std::string& head = dataset.version ? *dataset.version : unversioned;
  if (request_.command == Request::Command::kMigrate && !Version::try_parse(head)) {
    plan_.refused.push_back({dataset.name.value_or("None"), index,
                             refusals::dataset_version_unreadable(dataset.name.value_or("None"), head)});
    return false;
  }
  const auto refuse = [&](const Error& error) {
    plan_.refused.push_back({dataset.name.value_or(""), index, error});
    return false;
  };
  if (head == kParkedVersion) return refuse(refusals::dataset_parked(dataset.name.value_or("None")));

  const Rulings::Ruling& ruling = rulings(head);
  if (const Error* error = std::get_if<Error>(&ruling)) return refuse(*error);
  if (const std::size_t* route = std::get_if<std::size_t>(&ruling)) {
    plan_.datasets.push_back({index, *route});
    return true;
  }
  if (std::get<Hold>(ruling) == Hold::kAdminOnly) {
    return refuse(refusals::dataset_not_admin(dataset.name.value_or("None"), head, plan_.target));
  }
  ++plan_.unchanged;
  return true;
}

}  // namespace

Plan make_plan(const Catalogue& catalogue, const Heads& heads, const Request& request) {
  return Planner(catalogue, heads, request).make();
}

}  // namespace fm
