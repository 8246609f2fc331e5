// The part of Python's argparse that the original's front end uses, with its
// rules for what belongs to which option and its texts.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace fm::cli {

struct Flag {
  enum class Takes { kNothing, kOne, kMany };
  const char* short_name;  // "-n", or nullptr
  const char* long_name;   // "--dataset-name"
  Takes takes = Takes::kNothing;
  // Only spelled out: no abbreviation of it is understood, and it makes none of
  // another option ambiguous.
  bool exact = false;

  std::string shown() const;  // "-n/--dataset-name"
};

// what() stands behind "<program>: error: ".
class ArgumentError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ArgumentError(const Flag& flag, const std::string& text)
      : std::runtime_error("argument " + flag.shown() + ": " + text) {}
};

struct Arguments {
  std::vector<std::string> extras;   // what belongs to nothing
  std::vector<std::string> command;  // the first word that belongs to no option, and all behind it
};

// Calls take(flag, values) for each option in the order given; a `command` is
// looked for only where the parser has one. Throws ArgumentError, an ambiguous
// abbreviation before the first call.
Arguments parse_arguments(const std::vector<Flag>& flags, bool has_command, const std::vector<std::string>& args,
                          const std::function<void(const Flag&, std::vector<std::string>)>& take);

// Python's int(), cut off at a million; throws ArgumentError.
int integer_argument(const Flag& flag, const std::string& text);

}  // namespace fm::cli
