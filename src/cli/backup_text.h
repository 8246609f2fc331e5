// Backups and restores, as text and as JSON.
#pragma once

#include <string>

#include "backup/backup.h"
#include "backup/restore.h"
#include "bson/document.h"
#include "cli/style.h"

namespace fm::cli {

std::string backup_text(const BackupReport& report, const Style& style);
bson::Document backup_document(const BackupReport& report);

// `database`: where to; `cas`: of a backup of both databases, where the second one goes.
std::string restore_text(const RestoreReport& report, const std::string& database, const std::string& cas, bool dry_run,
                         const Style& style);
bson::Document restore_document(const RestoreReport& report, const std::string& database, const std::string& cas,
                                bool dry_run);

}  // namespace fm::cli
