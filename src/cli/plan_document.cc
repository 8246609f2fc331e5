// Plans and reports as JSON. The format is described in docs/plan.md.
#include "cli/plan_text.h"

namespace fm::cli {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

Array texts(const std::vector<const Revision*>& revisions) {
  Array out;
  for (const auto* revision : revisions) out.append(revision->text);
  return out;
}

Document route_document(const Route& route) {
  return {{"from", route.from},
          {"to", route.to},
          {"direction", word(route.direction)},
          {"revisions", texts(route.revisions)}};
}

Array tally_array(const std::vector<Tally>& tallies) {
  Array out;
  for (const auto& one : tallies) {
    out.append(Document{{"revision", one.revision},
                        {"field", one.field},
                        {"what", one.what},
                        {"values", one.values},
                        {"datasets", one.datasets}});
  }
  return out;
}

Document given_document(const Given& given) {
  Array kept;
  for (const auto& one : given.kept) {
    kept.append(Document{{"dataset", one.dataset}, {"revision", one.revision}, {"path", one.path}});
  }
  return {{"values", given.values}, {"datasets", given.datasets}, {"kept", std::move(kept)}};
}

Array failure_array(const std::vector<DatasetFailure>& failures) {
  Array out;
  for (const auto& failure : failures) {
    out.append(Document{{"dataset", failure.name},
                        {"error", failure.error.what()},
                        {"remedy", failure.error.remedy()},
                        {"refused", failure.refused}});
  }
  return out;
}

Array revision_array(const Plan& plan) {
  Array out;
  for (const auto& [revision, direction, datasets] : planned_revisions(plan)) {
    Document one{{"of", datasets == 0 ? "database" : "datasets"},
                 {"version", revision->text},
                 {"title", revision->title},
                 {"direction", word(direction)}};
    if (direction == Direction::kDown) one.append("down", word(revision->down_label));
    if (datasets > 0) one.append("datasets", static_cast<std::int64_t>(datasets));
    out.append(std::move(one));
  }
  return out;
}

Document dataset_document(const DatasetHead& head, const Route& route, const DatasetSurvey* survey) {
  Document out{{"name", head.name ? Value(*head.name) : Value()}, {"id", head.id}};
  for (const auto& [key, value] : route_document(route)) out.append(key, value);
  if (!survey) return out;
  Array collections;
  for (const auto& one : survey->touched) {
    collections.append(Document{{"collection", one.collection}, {"documents", one.documents}, {"bytes", one.bytes}});
  }
  out.append("documents", survey->documents());
  out.append("bytes", survey->bytes());
  out.append("collections", std::move(collections));
  out.append("losses", tally_array(survey->losses));
  out.append("returns", tally_array(survey->returns));
  out.append("refused", survey->refusal ? Value(survey->refusal->what()) : Value());
  return out;
}

}  // namespace

Document plan_document(const Plan& plan, const Heads& heads, const Survey& survey) {
  Array database;
  for (const auto& route : plan.database) database.append(route_document(route));
  Array datasets;
  for (std::size_t i = 0; i < plan.datasets.size(); ++i) {
    const auto& move = plan.datasets[i];
    datasets.append(dataset_document(heads.datasets[move.head], plan.routes[move.route],
                                     i < survey.datasets.size() ? &survey.datasets[i] : nullptr));
  }
  return {{"target", plan.target},
          {"database", std::move(database)},
          {"database_version", plan.database_version},
          {"revisions", revision_array(plan)},
          {"datasets", std::move(datasets)},
          {"unchanged", static_cast<std::int64_t>(plan.unchanged)},
          {"documents", survey.documents()},
          {"bytes", survey.bytes()},
          {"drops", Array::of(survey.drops)},
          {"undo_log", survey.undo_log},
          {"losses", tally_array(survey.losses)},
          {"returns", tally_array(survey.returns)},
          {"restored", given_document(survey.given)},
          {"refused", failure_array(all_refused(plan, survey))}};
}

Document estimate_document(const Estimate& estimate) {
  Array parts;
  for (const auto& part : estimate.parts) {
    parts.append(
        Document{{"what", part.what}, {"documents", part.documents}, {"seconds", part.seconds}, {"basis", part.basis}});
  }
  return {{"seconds", estimate.seconds()},
          {"least_seconds", estimate.least_seconds()},
          {"most_seconds", estimate.most_seconds()},
          {"disk_bytes", estimate.disk_bytes},
          {"oplog_bytes", estimate.oplog_bytes ? Value(*estimate.oplog_bytes) : Value()},
          {"parts", std::move(parts)},
          {"basis", Array::of(estimate.basis)}};
}

Document report_document(const Plan& plan, const RunReport& report) {
  return {{"target", plan.target},
          {"run", report.run.empty() ? Value() : Value(report.run)},
          {"database", plan.database.empty() ? bson::Value() : bson::Value(plan.database_version)},
          {"datasets", static_cast<std::int64_t>(report.datasets_done)},
          {"unchanged", static_cast<std::int64_t>(plan.unchanged)},
          {"failures", failure_array(report.failures)},
          {"undo_log", report.undo_log},
          {"losses", tally_array(report.losses)},
          {"restored", given_document(report.given)},
          {"seconds", report.seconds}};
}

}  // namespace fm::cli
