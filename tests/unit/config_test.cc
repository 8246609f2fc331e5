#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "config/environment.h"
#include "config/secret.h"
#include "config/settings.h"

namespace fm {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

using Flags = std::vector<std::pair<std::string, std::string>>;
using Variables = std::map<std::string, std::string>;

// A home directory of its own for each test; HOME points to it.
class Config : public testing::Test {
 protected:
  Config() {
    std::string pattern = (fs::temp_directory_path() / "fm-config-XXXXXX").string();
    home_ = ::mkdtemp(pattern.data());
    variables_["HOME"] = home_.string();
  }
  ~Config() override { fs::remove_all(home_); }

  fs::path write(const fs::path& name, const std::string& text) const {
    fs::path path = home_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }

  // The usual configuration file.
  fs::path write_config(const std::string& text) const { return write(".fiftyone/config.json", text); }

  Settings load(const Flags& flags = {}) const { return load_settings(flags, Environment(variables_)); }

  // The error of a load that must fail.
  Error refused(const Flags& flags = {}) const {
    try {
      load(flags);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Exit::kUsage) << e.what();
      return e;
    }
    ADD_FAILURE() << "no error";
    return Error(Exit::kDone, "");
  }

  fs::path home_;
  Variables variables_;
};

std::string shown(const Settings& settings, std::string_view name) {
  for (const auto& setting : settings_table()) {
    if (setting.name == name) return shown_value(settings, setting).value_or("(unset)");
  }
  return "(unknown)";
}

TEST_F(Config, Defaults) {
  const Settings settings = load();
  const std::map<std::string_view, std::string> expected = {
      {"config", (home_ / ".fiftyone/config.json").string()},
      {"database_uri", "(unset)"},
      {"database_name", "fiftyone"},
      {"database_dir", (home_ / ".fiftyone/var/lib/mongo").string()},
      {"database_admin", "(unset)"},
      {"database_validation", "true"},
      {"database_compressor", "(unset)"},
      {"do_not_track", "false"},
      {"timezone", "(unset)"},
      {"logging_level", "INFO"},
      {"logging_format", "text"},
      {"logging_destination", "stdout"},
      {"disable_migrations", "false"},
      {"disable_services", "(unset)"},
      {"private_database_port", "(unset)"},
      {"mongod", "(unset)"},
      {"allow_loss", "false"},
      {"require_idle", "false"},
      {"undo_log", "true"},
      {"jobs", "(unset)"},
      {"yes", "false"},
      {"error_level", "(unset)"},
      {"legacy_exit", "false"},
      {"dry_run", "false"},
      {"rate", "(unset)"},
      {"max_lag", "(unset)"},
      {"max_time", "(unset)"},
      {"lazy", "false"},
      {"adopt", "false"},
      {"allow_drop", "false"},
      {"cas_database_uri", "(unset)"},
      {"cas_database_name", "(unset)"},
  };
  EXPECT_EQ(settings_table().size(), expected.size());
  for (const auto& setting : settings_table()) {
    EXPECT_EQ(shown(settings, setting.name), expected.at(setting.name)) << setting.name;
    EXPECT_EQ(settings.origin(setting.name).str(), "default") << setting.name;
    EXPECT_TRUE(settings.is_default(setting.name));
  }
}

TEST_F(Config, CollectionsOfServices) {
  variables_["FIFTYONE_CONFIG_PATH"] =
      write("c.json", R"({"cas.groups": "teams", "hub.secrets": "s", "other.tool": "x", "cas.users": 5})").string();
  const auto settings = load({{"hub.secrets", "own"}});
  EXPECT_EQ(settings.collections,
            (std::map<std::string, std::string>{{"cas.groups", "teams"}, {"hub.secrets", "own"}}));
}

TEST_F(Config, TheDatabasesMayStandInTheFile) {
  write_config(R"({"database_uri": "mongodb://a", "database_name": "b", "cas_database_uri": "mongodb://c",
                   "cas_database_name": "d"})");
  const Settings settings = load();
  EXPECT_EQ(settings.cas_database_uri->reveal(), "mongodb://c");
  EXPECT_EQ(settings.cas_database_name, "d");
  variables_["CAS_DATABASE_URI_FILE"] = write("uri", "mongodb://e\n").string();
  EXPECT_EQ(load().cas_database_uri->reveal(), "mongodb://e");
}

// ---- The ladder, for every line of the table: each step beats those below it.

// A valid text for the line, different for each `step`.
std::string sample(const Setting& setting, int step) {
  switch (setting.kind) {
    case Setting::Kind::kBool:
    case Setting::Kind::kUnlessZero:
    case Setting::Kind::kSwitch:
      return step % 2 == 0 ? "1" : "0";
    case Setting::Kind::kInteger:
      return std::to_string(setting.min + step);
    case Setting::Kind::kText:
    case Setting::Kind::kPath:
      break;
  }
  return "/sample/" + std::to_string(step);
}

std::string as_shown(const Setting& setting, const std::string& text) {
  if (setting.is_secret()) return "***";
  if (setting.kind == Setting::Kind::kInteger || text.starts_with("/")) return text;
  return text == "1" ? "true" : "false";
}

class Ladder : public Config, public testing::WithParamInterface<std::string_view> {
 protected:
  const Setting& setting() const {
    for (const auto& setting : settings_table()) {
      if (setting.name == GetParam()) return setting;
    }
    throw std::logic_error("no such setting");
  }
};

TEST_P(Ladder, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  const Setting& line = setting();
  if (line.in_file) {
    const std::string text = sample(line, 0);
    const fs::path file =
        write_config("{\"" + std::string(line.name) + "\": " + (text == "1" ? "true" : "\"" + text + "\"") + "}");
    EXPECT_EQ(shown(load(), line.name), as_shown(line, text));
    EXPECT_EQ(load().origin(line.name).str(), "file " + file.string());
  } else {
    write_config("{\"" + std::string(line.name) + "\": [\"not looked at\"]}");
    EXPECT_EQ(load().origin(line.name).str(), "default");
  }

  variables_[line.variable] = sample(line, 1);
  EXPECT_EQ(shown(load(), line.name), as_shown(line, sample(line, 1)));
  EXPECT_EQ(load().origin(line.name).str(), std::string("environment ") + line.variable);

  const Flags flags = {{std::string(line.name), sample(line, 0)}, {std::string(line.name), sample(line, 2)}};
  EXPECT_EQ(shown(load(flags), line.name), as_shown(line, sample(line, 2)));
  EXPECT_EQ(load(flags).origin(line.name).str(), "flag");
}

std::vector<std::string_view> names_but_config() {
  std::vector<std::string_view> names;
  for (const auto& setting : settings_table()) {
    if (setting.name != "config") names.push_back(setting.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(AllSettings, Ladder, testing::ValuesIn(names_but_config()),
                         [](const auto& test) { return std::string(test.param); });

TEST_F(Config, AnEmptyVariableIsNotSet) {
  write_config(R"({"database_name": "from_file", "database_uri": "mongodb://file/"})");
  variables_["FIFTYONE_DATABASE_NAME"] = "";
  variables_["FIFTYONE_DATABASE_URI"] = "";
  variables_["FIFTYONE_DATABASE_ADMIN"] = "";
  variables_["FIFTYONE_PRIVATE_DATABASE_PORT"] = "";
  variables_["FIFTYONE_MIGRATOR_JOBS"] = "";
  const Settings settings = load();
  EXPECT_EQ(settings.database_name, "from_file");
  EXPECT_EQ(settings.database_uri, Secret("mongodb://file/"));
  EXPECT_FALSE(settings.database_admin);
  EXPECT_FALSE(settings.private_database_port);
  EXPECT_FALSE(settings.jobs);
}

TEST_F(Config, NullAndEmptyTextsInTheFileAreNotSet) {
  write_config(R"({"database_name": "", "database_uri": "", "database_dir": "", "database_admin": null})");
  const Settings settings = load();
  EXPECT_EQ(settings.database_name, "fiftyone");
  EXPECT_FALSE(settings.database_uri);
  EXPECT_EQ(settings.database_dir, home_ / ".fiftyone/var/lib/mongo");
  EXPECT_FALSE(settings.database_admin);
  EXPECT_TRUE(settings.is_default("database_dir"));
}

TEST_F(Config, AWrongTypeBelowAWinningStepIsNoError) {
  write_config(R"({"database_name": 3, "database_admin": "yes"})");
  variables_["FIFTYONE_DATABASE_NAME"] = "n";
  EXPECT_EQ(load({{"database_admin", "true"}}).database_name, "n");
}

TEST_F(Config, OfRepeatedKeysTheLastCounts) {
  write_config(R"({"database_name": "a", "database_name": "b"})");
  EXPECT_EQ(load().database_name, "b");
}

TEST_F(Config, KeysOfOtherToolsAreIgnored) {
  write_config(R"({"default_batch_size": "wrong", "$schema": "http://x", "jobs": 3, "database_name": "n"})");
  const Settings settings = load();
  EXPECT_EQ(settings.database_name, "n");
  EXPECT_FALSE(settings.jobs);
}

// ---- Types.

TEST_F(Config, BoolsOfTheOriginalInTheEnvironment) {
  const std::map<std::string, bool> cases = {{"yes", true}, {"YES", true}, {"True", true}, {"1", true},
                                             {"no", false}, {"0", false},  {"on", false},  {"false", false},
                                             {" 1", false}, {"2", false}};
  for (const auto& [text, expected] : cases) {
    variables_["FIFTYONE_DATABASE_ADMIN"] = text;
    variables_["FIFTYONE_DATABASE_VALIDATION"] = text;
    const Settings settings = load();
    EXPECT_EQ(settings.database_admin, expected) << text;
    EXPECT_EQ(settings.database_validation, expected) << text;
  }
}

TEST_F(Config, OwnSwitchesAcceptOnlyWhatTheyKnow) {
  for (const char* text : {"on", "ON", "yes", "true", "1"}) {
    variables_["FIFTYONE_MIGRATOR_DRY_RUN"] = text;
    EXPECT_TRUE(load().dry_run) << text;
  }
  for (const char* text : {"off", "no", "False", "0"}) {
    variables_["FIFTYONE_MIGRATOR_DRY_RUN"] = text;
    EXPECT_FALSE(load().dry_run) << text;
  }
  variables_["FIFTYONE_MIGRATOR_DRY_RUN"] = "y";
  EXPECT_STREQ(refused().what(), "FIFTYONE_MIGRATOR_DRY_RUN must be on, yes, true, 1 or off, no, false, 0; found 'y'");
}

TEST_F(Config, BoolsInFlagsAreStrict) {
  EXPECT_EQ(load({{"database_admin", "off"}}).database_admin, false);
  EXPECT_THAT(refused({{"database_admin", "maybe"}}).what(), HasSubstr("The setting 'database_admin' must be on"));
}

TEST_F(Config, Integers) {
  for (const char* text : {"0", "1025", "x", "4x", " 4", "+4", "99999999999999", "-1", "3.5"}) {
    variables_["FIFTYONE_MIGRATOR_JOBS"] = text;
    EXPECT_EQ(refused().what(),
              std::string("FIFTYONE_MIGRATOR_JOBS must be an integer from 1 to 1024; found '") + text + "'");
  }
  variables_["FIFTYONE_MIGRATOR_JOBS"] = "1024";
  EXPECT_EQ(load().jobs, 1024);
  variables_["FIFTYONE_MIGRATOR_ERROR_LEVEL"] = "3";
  EXPECT_THAT(refused().what(), HasSubstr("FIFTYONE_MIGRATOR_ERROR_LEVEL must be an integer from 0 to 2"));
  variables_["FIFTYONE_MIGRATOR_ERROR_LEVEL"] = "0";
  variables_["FIFTYONE_PRIVATE_DATABASE_PORT"] = "65536";
  EXPECT_THAT(refused().what(), HasSubstr("FIFTYONE_PRIVATE_DATABASE_PORT must be an integer from 1 to 65535"));
}

TEST_F(Config, Paths) {
  const std::string home = home_.string();
  const std::string here = fs::current_path().string();
  const std::map<std::string, std::string> cases = {{"~", home},
                                                    {"~/", home},
                                                    {"~/d", home + "/d"},
                                                    {"~root/d", "/root/d"},
                                                    {"/a/./b/../c", "/a/c"},
                                                    {"rel/d/", here + "/rel/d"},
                                                    {"~nobody-here/d", here + "/~nobody-here/d"},
                                                    {"/", "/"},
                                                    {"/a/~/b", "/a/~/b"}};
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(load({{"database_dir", text}}).database_dir, expected) << text;
  }
  write_config(R"({"database_dir": "~/in-file"})");
  EXPECT_EQ(load().database_dir, home + "/in-file");
}

TEST_F(Config, HomeWithoutHome) {
  variables_.erase("HOME");
  EXPECT_TRUE(fs::path(load().database_dir).is_absolute());
  EXPECT_EQ(Environment(Variables{{"HOME", "/h//"}}).home(), "/h");
  EXPECT_EQ(Environment(Variables{{"HOME", "/"}}).expand_user("~"), "/");
}

TEST_F(Config, DisabledMigrations) {
  EXPECT_FALSE(load().disable_migrations);
  const std::map<std::string, bool> cases = {{"0", false}, {"1", true}, {"false", true}, {"", true}, {"00", true}};
  for (const auto& [text, expected] : cases) {
    variables_["FIFTYONE_DISABLE_MIGRATIONS"] = text;
    EXPECT_EQ(load().disable_migrations, expected) << text;
  }
}

TEST_F(Config, DisabledServices) {
  EXPECT_TRUE(load().private_server_allowed());
  variables_["FIFTYONE_DISABLE_SERVICES"] = "";
  EXPECT_TRUE(load().private_server_allowed());
  variables_["FIFTYONE_DISABLE_SERVICES"] = "0";
  EXPECT_FALSE(load().private_server_allowed());
  EXPECT_TRUE(load().migration_on_connect_allowed());
  variables_["FIFTYONE_DISABLE_SERVICES"] = "1";
  EXPECT_FALSE(load().private_server_allowed());
  EXPECT_FALSE(load().migration_on_connect_allowed());
}

// ---- The file.

struct BadFile {
  const char* name;
  const char* content;
  const char* what;  // %s stands for the path
  const char* type;
};

class BadFiles : public Config, public testing::WithParamInterface<BadFile> {};

TEST_P(BadFiles, AreRefusedInTheWordsOfTheOriginal) {
  const std::string path = write_config(GetParam().content).string();
  std::string what = GetParam().what;
  if (const auto at = what.find("%s"); at != std::string::npos) what.replace(at, 2, "~/.fiftyone/config.json");
  const Error error = refused();
  EXPECT_EQ(error.what(), what);
  EXPECT_EQ(error.type(), GetParam().type);
  EXPECT_FALSE(error.remedy().empty());
}

constexpr const char* kUnparsable = "Unable to parse JSON file '%s'";
constexpr const char* kParse = "ValueError";
constexpr const char* kType = "eta.core.config.EnvConfigError";

INSTANTIATE_TEST_SUITE_P(
    Table, BadFiles,
    testing::Values(BadFile{"Empty", "", kUnparsable, kParse}, BadFile{"Blank", " \n", kUnparsable, kParse},
                    BadFile{"CutOff", R"({"database_name": )", kUnparsable, kParse},
                    BadFile{"Comment", "{} // why", kUnparsable, kParse},
                    BadFile{"TwoObjects", "{} {}", kUnparsable, kParse},
                    BadFile{"TrailingComma", R"({"database_name": "n",})", kUnparsable, kParse},
                    BadFile{"SingleQuotes", R"({'database_name': 'n'})", kUnparsable, kParse},
                    BadFile{"NotUtf8", "{\"database_name\": \"\xff\"}", kUnparsable, kParse},
                    BadFile{"ByteOrderMark", "\xef\xbb\xbf{}", kUnparsable, kParse},
                    BadFile{"Null", "null", kUnparsable, kParse}, BadFile{"List", "[1]", kUnparsable, kParse},
                    BadFile{"BoolAsText", R"({"database_admin": "yes"})",
                            "Expected key 'database_admin' of <class 'bool'>; found <class 'str'>", kType},
                    BadFile{"BoolAsNumber", R"({"database_validation": 1})",
                            "Expected key 'database_validation' of <class 'bool'>; found <class 'int'>", kType},
                    BadFile{"TextAsNumber", R"({"database_name": 3})",
                            "Expected key 'database_name' of <class 'str'>; found <class 'int'>", kType},
                    BadFile{"TextAsFraction", R"({"timezone": 1.5})",
                            "Expected key 'timezone' of <class 'str'>; found <class 'float'>", kType},
                    BadFile{"TextAsBool", R"({"logging_level": true})",
                            "Expected key 'logging_level' of <class 'str'>; found <class 'bool'>", kType},
                    BadFile{"TextAsList", R"({"database_uri": []})",
                            "Expected key 'database_uri' of <class 'str'>; found <class 'list'>", kType},
                    BadFile{"PathAsObject", R"({"database_dir": {}})",
                            "Expected key 'database_dir' of <class 'str'>; found <class 'dict'>", kType},
                    BadFile{"FirstInTheOrderOfTheOriginal", R"({"database_name": 3, "database_admin": "q"})",
                            "Expected key 'database_admin' of <class 'bool'>; found <class 'str'>", kType}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(Config, TheVariableNamesTheFileWithoutFallback) {
  write_config(R"({"database_name": "usual"})");
  const fs::path other = write("other.json", R"({"database_name": "other"})");
  EXPECT_EQ(load().database_name, "usual");
  variables_["FIFTYONE_CONFIG_PATH"] = "~/other.json";
  EXPECT_EQ(load().database_name, "other");
  EXPECT_EQ(load().config, other);
  EXPECT_EQ(load().origin("config").str(), "environment FIFTYONE_CONFIG_PATH");
  for (const std::string path : {"", "/no/such/file", "/dev/null/x"}) {
    variables_["FIFTYONE_CONFIG_PATH"] = path;
    EXPECT_EQ(load().database_name, "fiftyone") << path;
  }
  variables_["FIFTYONE_CONFIG_PATH"] = home_.string();
  EXPECT_EQ(load().database_name, "fiftyone");
}

TEST_F(Config, TheFlagNamesTheFileAndTheFileMustExist) {
  write_config(R"({"database_name": "usual"})");
  const std::string path = write("flag.json", R"({"database_name": "flag"})").string();
  variables_["FIFTYONE_CONFIG_PATH"] = "/no/such/file";
  EXPECT_EQ(load({{"config", path}}).database_name, "flag");
  EXPECT_STREQ(refused({{"config", "/no/such/file"}}).what(), "There is no configuration file '/no/such/file'");
  EXPECT_STREQ(refused({{"config", home_.string()}}).what(),
               ("There is no configuration file '" + home_.string() + "'").c_str());
}

TEST_F(Config, ThePathOfABadFileIsQuotedAsTyped) {
  write("bad.json", "{");
  variables_["FIFTYONE_CONFIG_PATH"] = "~/bad.json";
  EXPECT_STREQ(refused().what(), "Unable to parse JSON file '~/bad.json'");
}

// ---- Flags.

TEST_F(Config, AnUnknownNameIsAnsweredWithTheNearest) {
  const std::map<std::string, std::string> cases = {{"databse_uri", "database_uri"},
                                                    {"database-dir", "database_dir"},
                                                    {"FIFTYONE_DATABASE_URI", "database_uri"},
                                                    {"FIFTYONE_MIGRATOR_UNDO_LOG", "undo_log"},
                                                    {"job", "jobs"}};
  for (const auto& [typed, expected] : cases) {
    EXPECT_EQ(refused({{typed, "x"}}).what(), "There is no setting '" + typed + "'; did you mean '" + expected + "'?");
  }
  const Error far = refused({{"completely_different", "x"}});
  EXPECT_STREQ(far.what(), "There is no setting 'completely_different'");
  EXPECT_THAT(far.remedy(), HasSubstr("database_uri"));
}

TEST_F(Config, AFlagWithoutAValueIsRefused) {
  EXPECT_STREQ(refused({{"database_uri", ""}}).what(), "The setting 'database_uri' was given without a value");
}

TEST(Assignment, IsSplitAtTheFirstEquals) {
  EXPECT_EQ(parse_assignment("a=b=c"), (std::pair<std::string, std::string>("a", "b=c")));
  EXPECT_EQ(parse_assignment("a="), (std::pair<std::string, std::string>("a", "")));
  EXPECT_THROW(parse_assignment("a"), Error);
  EXPECT_THROW(parse_assignment("=b"), Error);
}

// ---- Secrets.

TEST_F(Config, ASecretFromAFile) {
  const std::map<std::string, std::string> contents = {{"mongodb://u:p@h/\n", "mongodb://u:p@h/"},
                                                       {"mongodb://u:p@h/", "mongodb://u:p@h/"},
                                                       {"mongodb://u:p@h/\r\n", "mongodb://u:p@h/"},
                                                       {" x \n\n", " x "}};
  for (const auto& [content, expected] : contents) {
    variables_["FIFTYONE_DATABASE_URI_FILE"] = write("secret", content).string();
    EXPECT_EQ(load().database_uri, Secret(expected));
    EXPECT_EQ(load().origin("database_uri").str(), "environment FIFTYONE_DATABASE_URI_FILE");
  }
  EXPECT_EQ(load({{"database_uri", "mongodb://flag/"}}).database_uri, Secret("mongodb://flag/"));
}

TEST_F(Config, ASecretGivenTwiceIsRefused) {
  variables_["FIFTYONE_DATABASE_URI_FILE"] = write("secret", "mongodb://a/").string();
  variables_["FIFTYONE_DATABASE_URI"] = "mongodb://b/";
  EXPECT_STREQ(refused().what(), "Both FIFTYONE_DATABASE_URI and FIFTYONE_DATABASE_URI_FILE are set");
  variables_["FIFTYONE_DATABASE_URI"] = "";
  EXPECT_EQ(load().database_uri, Secret("mongodb://a/"));
}

TEST_F(Config, ASecretFileThatGivesNothingIsRefused) {
  for (const std::string& path :
       {home_.string(), std::string("/no/such/file"), write("empty", "").string(), write("newline", "\n").string()}) {
    variables_["FIFTYONE_DATABASE_URI_FILE"] = path;
    EXPECT_THAT(refused().what(), HasSubstr("named by FIFTYONE_DATABASE_URI_FILE")) << path;
  }
}

TEST_F(Config, ASecretIsShownMasked) {
  variables_["FIFTYONE_DATABASE_URI"] = "mongodb://user:pass@host/";
  EXPECT_EQ(shown(load(), "database_uri"), "mongodb://user:***@host/");
  EXPECT_EQ(Secret("hunter2").masked(), "***");
}

TEST(ProcessEnvironment, IsReadWhenItIsAsked) {
  const Environment env = Environment::process();
  ::setenv("FM_CONFIG_TEST", "a", 1);
  EXPECT_EQ(env.get("FM_CONFIG_TEST"), "a");
  ::setenv("FM_CONFIG_TEST", "", 1);
  EXPECT_EQ(env.get("FM_CONFIG_TEST"), "");
  EXPECT_EQ(env.filled("FM_CONFIG_TEST"), std::nullopt);
  ::unsetenv("FM_CONFIG_TEST");
  EXPECT_EQ(env.get("FM_CONFIG_TEST"), std::nullopt);
}

}  // namespace
}  // namespace fm
