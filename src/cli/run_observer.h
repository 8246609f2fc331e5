// What a run tells on stderr.
#pragma once

#include <string>

#include "cli/log.h"
#include "cli/progress.h"
#include "exec/report.h"

namespace fm::cli {

// How far it is, and nothing else: the result names the rest.
class ProgressObserver : public RunObserver {
 public:
  explicit ProgressObserver(Progress& progress) : progress_(progress) {}

  void message(const ops::Message&) override {}
  void failure(const DatasetFailure&) override {}
  void phase(const std::string& name, std::size_t datasets) final { progress_.phase(name, datasets); }
  void datasets_done(std::size_t done) final { progress_.datasets_done(done); }
  void collection(const std::string& name, std::int64_t done, std::int64_t total) final {
    progress_.collection(name, done, total);
  }

 protected:
  Progress& progress_;
};

// Warnings always, what is normal only when asked for.
class MigrateObserver final : public ProgressObserver {
 public:
  MigrateObserver(Progress& progress, const Log& log, bool verbose)
      : ProgressObserver(progress), log_(log), verbose_(verbose) {}

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

 private:
  const Log& log_;
  bool verbose_;
  std::string dataset_;
};

}  // namespace fm::cli
