// A rule's answers, asked once per stored version: versions are few where
// datasets are many.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "plan/plan.h"

namespace fm {

// Why something stays where it is: it is there, or only an admin may move it.
enum class Hold { kThere, kAdminOnly };

class Rulings {
 public:
  using Judgement = std::variant<Hold, Route>;
  using Rule = std::function<Judgement(const std::string& head)>;
  using Ruling = std::variant<Hold, std::size_t, Error>;  // the number is an index into the routes

  // Routes that the rule finds are appended to `routes`, which outlives this.
  Rulings(Rule rule, std::vector<Route>& routes) : rule_(std::move(rule)), routes_(routes) {}

  const Ruling& operator()(const std::string& head) {
    const auto found = known_.find(head);
    return found != known_.end() ? found->second : known_.emplace(head, ask(head)).first->second;
  }

 private:
  Ruling ask(const std::string& head) {
    try {
      Judgement judgement = rule_(head);
      if (const Hold* hold = std::get_if<Hold>(&judgement)) return *hold;
      routes_.push_back(std::get<Route>(std::move(judgement)));
      return routes_.size() - 1;
    } catch (const Error& error) {
      return error;
    }
  }

  Rule rule_;
  std::vector<Route>& routes_;
  std::unordered_map<std::string, Ruling> known_;
};

}  // namespace fm
