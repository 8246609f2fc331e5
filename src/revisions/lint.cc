#include "revisions/lint.h"

#include <fmt/format.h>

#include <algorithm>

#include "revisions/version_map.h"

namespace fm {

namespace {

class Linter {
 public:
  Linter(Service service, const Revision& revision) : service_(service), revision_(revision) {}

  std::vector<std::string> run() && {
    if (!revision_.named_after_version()) {
      add(1, 1, fmt::format("the file is not named after its version, {}", revision_.text));
    }
    if (service_ == Service::kDatasets) return std::move(found_);
    if (const auto deployment = VersionMap::deployment_number(revision_.text); deployment != revision_.version) {
      add(1, 1, fmt::format("before 2.0 a revision has the number of the deployment: {}", deployment.str()));
    }
    for (const auto* steps : {&revision_.up, &revision_.down}) {
      for (const auto& step : *steps) look(step);
    }
    indexes();
    label();
    return std::move(found_);
  }

 private:
  void add(int line, int column, const std::string& what) {
    found_.push_back(fmt::format("{}:{}:{}: {}", revision_.file, line, column, what));
  }
  void add(const ops::Step& step, const std::string& what) { add(step.line, step.column, what); }

  void look(const ops::Step& step) {
    if (const auto* compute = std::get_if<ops::Compute>(&step.operation)) {
      const bool changes =
          compute->source == ops::Compute::Source::kNow || compute->source == ops::Compute::Source::kNewId;
      if (changes && compute->when == ops::Compute::When::kAlways) {
        add(step, fmt::format("unsafe: {} would be another value each time; say 'when: absent'", compute->path.str()));
      }
    }
    if (std::holds_alternative<ops::RemoveDocuments>(step.operation) && step.target.filter.always()) {
      add(step, "unsafe: without a 'filter' every document of the collection would be removed");
    }
  }

  void indexes() {
    for (const auto& step : revision_.up) {
      const auto* made = std::get_if<ops::Index>(&step.operation);
      if (!made || made->drop) continue;
      const bool dropped = std::ranges::any_of(revision_.down, [&](const ops::Step& other) {
        const auto* index = std::get_if<ops::Index>(&other.operation);
        return index && index->drop && index->name() == made->name() &&
               other.target.collection == step.target.collection;
      });
      if (!dropped) add(step, fmt::format("the way down does not drop the index {}", made->name()));
    }
  }

  // A default that is removed again comes back, so only what is gone for good
  // whatever the document holds is a fault.
  void label() {
    if (revision_.down_label != DownLabel::kExact) return;
    for (const auto& step : revision_.down) {
      const auto* unset = std::get_if<ops::Unset>(&step.operation);
      const auto lost = ops::loses(step);
      if (lost.empty() || (unset && (unset->restored || unset->restored_from))) continue;
      add(step, fmt::format("labelled exact, but {} may be lost", lost.front()));
    }
  }

  Service service_;
  const Revision& revision_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> faults(Service service, const Revision& revision) { return Linter(service, revision).run(); }

}  // namespace fm
