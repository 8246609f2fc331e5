// The environment variables, injected: one place reads the real ones.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace fm {

class Environment {
 public:
  explicit Environment(std::map<std::string, std::string> variables);

  // The variables of this process, read when they are asked for.
  static Environment process();

  // The variable when it exists, even when it is empty.
  std::optional<std::string> get(const std::string& name) const;

  // The variable when it exists and is not empty: in a deployment file an empty
  // variable means "not configured" (spec: runner 5).
  std::optional<std::string> filled(const std::string& name) const;

  // HOME, else the home directory of the user database; never ends in "/".
  std::string home() const;

  // "~" and "~user" at the front are replaced; an unknown user stays as typed.
  std::string expand_user(const std::string& path) const;

 private:
  using Lookup = std::function<std::optional<std::string>(const std::string&)>;
  explicit Environment(Lookup lookup) : lookup_(std::move(lookup)) {}

  Lookup lookup_;
};

}  // namespace fm
