// What a run tells on stderr.
#pragma once

#include <string>

#include "cli/log.h"
#include "cli/progress.h"
#include "exec/report.h"

namespace fm::cli {

// Warnings always, what is normal only when asked for.
class MigrateObserver final : public RunObserver {
 public:
  MigrateObserver(Progress& progress, const Log& log, bool verbose)
      : progress_(progress), log_(log), verbose_(verbose) {}

  void about(const std::string& dataset) override { dataset_ = dataset; }
  void message(const ops::Message& message) override {
    const bool warning = message.level == ops::Message::Level::kWarning;
    if (!warning && !verbose_) return;
    progress_.clear();
    log_.write(warning ? LogLevel::kWarning : LogLevel::kInfo, message.text, dataset_field(dataset_));
  }
  void failure(const DatasetFailure& failure) override {
    if (!verbose_) return;  // the result names them all
    progress_.clear();
    log_.write(LogLevel::kWarning, failure.error.what(), dataset_field(failure.name));
  }
  void phase(const std::string& name, std::size_t datasets) override { progress_.phase(name, datasets); }
  void datasets_done(std::size_t done) override { progress_.datasets_done(done); }
  void collection(const std::string& name, std::int64_t done, std::int64_t total) override {
    progress_.collection(name, done, total);
  }

 private:
  Progress& progress_;
  const Log& log_;
  bool verbose_;
  std::string dataset_;
};

}  // namespace fm::cli
