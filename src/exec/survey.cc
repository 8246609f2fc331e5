#include "exec/survey.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "base/version.h"
#include "exec/ranges.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

// Fields of a dataset that hold a list or a mapping of things people made: each
// of these things counts.
struct Named {
  std::string_view field;
  std::string_view one;
  std::string_view many;
  bool elements = false;
};

constexpr Named kNamed[] = {
    {"(views)", "saved view", "saved views"},
    {"(runs)", "run", "runs"},
    {"active_label_schemas", "active label schema", "active label schemas", true},
    {"annotation_runs", "annotation run", "annotation runs", true},
    {"app_config", "set of App settings", "sets of App settings"},
    {"brain_methods", "brain run", "brain runs", true},
    {"classes", "list of classes", "lists of classes", true},
    {"default_classes", "default list of classes", "default lists of classes"},
    {"default_mask_targets", "default mapping of mask targets", "default mappings of mask targets"},
    {"default_skeleton", "default keypoint skeleton", "default keypoint skeletons"},
    {"description", "dataset description", "dataset descriptions"},
    {"evaluations", "evaluation", "evaluations", true},
    {"frame_fields description", "description of a frame field", "descriptions of frame fields"},
    {"frame_fields info", "info of a frame field", "infos of frame fields"},
    {"info", "info of a dataset", "infos of datasets"},
    {"label_schemas", "label schema", "label schemas", true},
    {"mask_targets", "mapping of mask targets", "mappings of mask targets", true},
    {"points", "polyline that loses points", "polylines that lose points"},
    {"runs", "run", "runs", true},
    {"sample_fields description", "description of a sample field", "descriptions of sample fields"},
    {"sample_fields info", "info of a sample field", "infos of sample fields"},
    {"saved_views", "saved view", "saved views", true},
    {"skeletons", "keypoint skeleton", "keypoint skeletons", true},
    {"slug", "short name for URLs", "short names for URLs"},
    {"tags", "dataset tag", "dataset tags", true},
};

// Settings of the App are named by their path.
constexpr std::string_view kApp = "app_config.";

const Named* named(std::string_view field) {
  const auto* found =
      std::find_if(std::begin(kNamed), std::end(kNamed), [&](const Named& n) { return n.field == field; });
  return found == std::end(kNamed) ? nullptr : found;
}

// "sample_fields.ground_truth.description" is counted as "sample_fields description".
std::string field_of(const std::string& path) {
  if (const auto open = path.find('('); open != std::string::npos) return path.substr(open);
  const auto dot = path.find('.');
  auto top = path.substr(0, dot);
  if (dot == std::string::npos || top == "app_config") return path;
  if (top == "sample_fields" || top == "frame_fields") return top + " " + path.substr(path.rfind('.') + 1);
  return top;
}

std::int64_t values_in(const Value& value) {
  if (const auto* list = value.as<bson::Array>()) return static_cast<std::int64_t>(list->size());
  if (const auto* mapping = value.as<Document>()) return static_cast<std::int64_t>(mapping->size());
  return 1;
}

std::string words(const std::string& field, std::int64_t values) {
  if (const auto* known = named(field)) return std::string(values == 1 ? known->one : known->many);
  if (field.starts_with(kApp)) {
    const auto setting = field.substr(kApp.size());
    return std::string(values == 1 ? "App setting" : "App settings") + (setting.empty() ? "" : " " + setting);
  }
  const auto space = field.find(' ');
  const auto owner = field.substr(0, space);
  if (space != std::string::npos) {
    return "'" + field.substr(space + 1) + "' of " + (owner == "frame_fields" ? "frame" : "sample") + " fields";
  }
  return "'" + field + "'";
}

class Tallies {
 public:
  void add(const std::string& revision, const std::string& field, std::int64_t values, std::int64_t datasets) {
    auto& one = tallies_[{revision, field}];
    one.values += values;
    one.datasets += datasets;
  }
  std::vector<Tally> take() const {
    std::vector<Tally> out;
    for (const auto& [key, count] : tallies_) {
      out.push_back({key.first, key.second, words(key.second, count.values), count.values, count.datasets});
    }
    std::stable_sort(out.begin(), out.end(), [](const Tally& a, const Tally& b) {
      return Version::parse(a.revision) > Version::parse(b.revision);
    });
    return out;
  }

 private:
  struct Count {
    std::int64_t values = 0;
    std::int64_t datasets = 0;
  };
  std::map<std::pair<std::string, std::string>, Count> tallies_;
};

std::vector<Tally> sum(const std::vector<DatasetSurvey>& datasets, std::vector<Tally> DatasetSurvey::*part) {
  Tallies all;
  for (const auto& dataset : datasets) {
    for (const auto& one : dataset.*part) all.add(one.revision, one.field, one.values, one.datasets);
  }
  return all.take();
}

template <class Items, class Get>
std::int64_t total(const Items& items, const Get& get) {
  return std::accumulate(items.begin(), items.end(), std::int64_t{0},
                         [&](std::int64_t sum_so_far, const auto& item) { return sum_so_far + get(item); });
}

}  // namespace

std::vector<Tally> tally(const std::vector<ops::Displaced>& displaced, bool lost_only) {
  std::map<std::pair<std::string, std::string>, std::int64_t> values;
  for (const auto& one : displaced) {
    if (lost_only && !one.lost) continue;
    const auto field = field_of(one.path);
    const auto* known = named(field);
    values[{one.revision, field}] += known && known->elements && one.path == field ? values_in(one.before) : 1;
  }
  // The documents are what is lost, not also the list of their ids.
  const auto covered = [&](const std::string& revision, const std::string& list) {
    return (list == "saved_views" && values.contains({revision, "(views)"})) ||
           (list == "runs" && values.contains({revision, "(runs)"}));
  };
  Tallies out;
  for (const auto& [key, n] : values) {
    if (!covered(key.first, key.second)) out.add(key.first, key.second, n, 1);
  }
  return out.take();
}

std::vector<Tally> tally(const std::vector<std::pair<std::string, std::string>>& paths) {
  Tallies out;
  std::map<std::pair<std::string, std::string>, std::int64_t> values;
  for (const auto& [revision, path] : paths) ++values[{revision, field_of(path)}];
  for (const auto& [key, n] : values) out.add(key.first, key.second, n, 1);
  return out.take();
}

void add_given(const BatchRunner::Result& result, Given& given) {
  given.values += static_cast<std::int64_t>(result.restored.size());
  if (!result.restored.empty()) ++given.datasets;
  for (const auto& [revision, path] : result.kept) given.kept.push_back({result.name, revision, path});
}

std::string in_words(const std::vector<Tally>& tallies) {
  // The same thing may go in several revisions, and settings of the App are many.
  struct Sum {
    std::string field;
    std::string what;  // where the field is not known
    std::int64_t values;
  };
  std::vector<Sum> sums;
  for (const auto& one : tallies) {
    const auto field = one.field.starts_with(kApp) ? std::string(kApp) : one.field;
    const auto what = field.empty() ? one.what : std::string();
    const auto found =
        std::find_if(sums.begin(), sums.end(), [&](const Sum& sum) { return sum.field == field && sum.what == what; });
    if (found == sums.end()) {
      sums.push_back({field, what, one.values});
    } else {
      found->values += one.values;
    }
  }
  std::string out;
  for (const auto& sum : sums) {
    out += (out.empty() ? "" : ", ") + format_count(sum.values) + " " +
           (sum.field.empty() ? sum.what : words(sum.field, sum.values));
  }
  return out;
}

std::int64_t DatasetSurvey::documents() const {
  return total(touched, [](const Touched& one) { return one.documents; });
}

std::int64_t DatasetSurvey::bytes() const {
  return total(touched, [](const Touched& one) { return one.bytes; });
}

std::int64_t Survey::documents() const {
  return total(datasets, [](const DatasetSurvey& one) { return one.documents(); });
}

std::int64_t Survey::bytes() const {
  return total(datasets, [](const DatasetSurvey& one) { return one.bytes(); });
}

PassGroup& SurveyBuilder::group_of(const ops::Pass& pass) {
  const auto collection = written_by(pass);
  const auto kind = collection.substr(0, collection.find('.')) + (pass.merge ? " join" : "");
  const auto [at, added] = groups_.emplace(kind, survey_.passes.size());
  if (added) survey_.passes.emplace_back();
  return survey_.passes[at->second];
}

// Joins write a collection that other passes write, too: documents are counted once.
void SurveyBuilder::touch(DatasetSurvey& dataset, const Touched& touched) {
  const auto same = [&](const Touched& one) { return one.collection == touched.collection; };
  const auto found = std::find_if(dataset.touched.begin(), dataset.touched.end(), same);
  if (found == dataset.touched.end()) {
    dataset.touched.push_back(touched);
  } else {
    found->documents = std::max(found->documents, touched.documents);
    found->bytes = std::max(found->bytes, touched.bytes);
  }
}

void SurveyBuilder::measure(const BatchRunner::Result& result, DatasetSurvey& dataset) {
  if (!result.files.empty()) {
    FindOptions options;
    options.projection = Document{{"length", 1}};
    auto& results = dataset.touched.emplace_back(Touched{"fs.files", 0, 0});
    mongo_.find("fs.files", Document{{"_id", Document{{"$in", result.files}}}}, options, [&](bson::View view) {
      const auto length = view.get("length");
      ++results.documents;
      results.bytes += length ? length->integer().value_or(0) : 0;
    });
    survey_.files_bytes += results.bytes;
  }
  for (const auto& pass : result.passes) {
    const auto pending = measure_pending(mongo_, pass);
    if (pending.documents == 0) continue;
    touch(dataset, {written_by(pass), pending.documents, pending.bytes});
    auto& group = group_of(pass);
    if (pending.documents > group.most) {
      group.largest = pass;
      group.most = pending.documents;
    }
    group.documents += pending.documents;
    group.bytes += pending.bytes;
    ++group.collections;
  }
}

void SurveyBuilder::add(BatchRunner::Result result) {
  auto& dataset = survey_.datasets.emplace_back();
  if (result.failure) {
    dataset.refusal = result.failure;
    survey_.refused.push_back({result.name, *result.failure, true, id_key(result.id)});
    return;
  }
  dataset.gone = result.gone;
  dataset.returns = tally(result.restored);
  if (result.gone) return;
  add_given(result, survey_.given);
  if (result.touched.size() + result.files.size() + result.passes.size() > 1) ++survey_.parked;
  dataset.touched = std::move(result.touched);
  survey_.documents_bytes += dataset.bytes();
  if (!measure_ && !(result.passes.empty() && result.files.empty())) survey_.uncounted = true;
  if (result.route->direction == Direction::kDown) dataset.losses = tally(result.displaced, true);
  for (const auto& pass : result.passes) {
    if (!pass.loss) continue;
    const auto lost = mongo_.count(pass.collection, *pass.loss);
    if (lost > 0) dataset.losses.push_back({"0.6.2", "points", words("points", lost), lost, 1});
  }
  if (measure_) measure(result, dataset);
}

Survey SurveyBuilder::take() && {
  survey_.losses = sum(survey_.datasets, &DatasetSurvey::losses);
  survey_.returns = sum(survey_.datasets, &DatasetSurvey::returns);
  return std::move(survey_);
}

}  // namespace fm
