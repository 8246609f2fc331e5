#include "cli/argparse.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace fm::cli {

namespace {

using Takes = Flag::Takes;

// Python's repr() of a text.
std::string quoted(const std::string& text) {
  const char quote = text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (c == '\\' || c == quote) out += '\\';
        out += c;
    }
  }
  return out + quote;
}

bool is_number(const std::string& text, std::size_t from) {
  return from < text.size() && std::all_of(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(),
                                           [](unsigned char c) { return std::isdigit(c) != 0; });
}

// "-1", "-1.5", "-.5"
bool is_negative_number(const std::string& text) {
  const auto dot = text.find('.');
  if (dot == std::string::npos) return is_number(text, 1);
  return is_number(text, dot + 1) && (dot == 1 || is_number(text.substr(0, dot), 1));
}

// An argument that looks like an option; one of no known flag has none.
struct Option {
  const Flag* flag = nullptr;
  std::string spelled;
  std::optional<std::string> value;  // behind "=", or attached to the letter
};

class Parser {
 public:
  using Take = std::function<void(const Flag&, std::vector<std::string>)>;

  Parser(const std::vector<Flag>& flags, const std::vector<std::string>& args, const Take& take)
      : flags_(flags), args_(args), take_(take), options_(args.size()) {
    bool words_only = false;
    for (std::size_t i = 0; i < args.size(); ++i) {
      if (!words_only && args[i] == "--") {
        words_only = true;
        dashes_ = i;
      } else if (!words_only) {
        options_[i] = option(args[i]);
      }
    }
  }

  Arguments parse(bool has_command) {
    Arguments out;
    for (std::size_t at = 0; at < args_.size();) {
      if (options_[at]) {
        at = consume(at, out.extras);
      } else if (has_command && (at != dashes_ || at + 1 < args_.size())) {
        out.command.assign(args_.begin() + static_cast<std::ptrdiff_t>(at), args_.end());
        break;
      } else {
        out.extras.push_back(args_[at++]);
      }
    }
    return out;
  }

 private:
  const Flag* named(const std::string& name) const {
    const auto found = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) {
      return name == flag.long_name || (flag.short_name && name == flag.short_name);
    });
    return found == flags_.end() ? nullptr : &*found;
  }

  // Nothing for a word.
  std::optional<Option> option(const std::string& arg) const {
    if (arg.size() < 2 || arg[0] != '-') return std::nullopt;
    if (const auto* flag = named(arg)) return Option{flag, arg, std::nullopt};
    const auto equals = arg.find('=');
    const auto head = arg.substr(0, equals);
    const auto value = equals == std::string::npos ? std::nullopt : std::optional(arg.substr(equals + 1));
    if (const auto* flag = named(head)) return Option{flag, head, value};
    if (arg[1] == '-') {
      if (auto found = abbreviated(arg, head)) return Option{found, found->long_name, value};
    } else if (const auto* flag = named(arg.substr(0, 2))) {
      return Option{flag, arg.substr(0, 2), arg.substr(2)};
    }
    if (is_negative_number(arg) || arg.find(' ') != std::string::npos) return std::nullopt;
    return Option{nullptr, arg, std::nullopt};
  }

  const Flag* abbreviated(const std::string& arg, const std::string& head) const {
    std::vector<const Flag*> found;
    std::vector<std::string> names;
    for (const auto& flag : flags_) {
      if (flag.exact || !std::string_view(flag.long_name).starts_with(head)) continue;
      found.push_back(&flag);
      names.emplace_back(flag.long_name);
    }
    if (found.size() > 1) {
      throw ArgumentError(fmt::format("ambiguous option: {} could match {}", arg, fmt::join(names, ", ")));
    }
    return found.empty() ? nullptr : found.front();
  }

  // One argument with its letters and values; the place behind them.
  std::size_t consume(std::size_t at, std::vector<std::string>& extras) {
    auto [flag, spelled, value] = *options_[at];
    if (!flag) {
      extras.push_back(args_[at]);
      return at + 1;
    }
    std::vector<const Flag*> letters;
    while (value && flag->takes == Takes::kNothing) {
      const auto* next = spelled[1] != '-' && !value->empty() ? named("-" + value->substr(0, 1)) : nullptr;
      if (!next) throw ArgumentError(*flag, "ignored explicit argument " + quoted(*value));
      letters.push_back(flag);
      flag = next;
      spelled = flag->short_name;
      value = value->size() > 1 ? std::optional(value->substr(1)) : std::nullopt;
    }
    std::vector<std::string> values;
    std::size_t end = at + 1;
    if (value) {
      values.push_back(*value);
    } else if (flag->takes != Takes::kNothing) {
      while (end < args_.size() && is_value(end) && (flag->takes == Takes::kMany || values.empty())) {
        values.push_back(args_[end++]);
      }
      if (values.empty()) {
        throw ArgumentError(*flag,
                            flag->takes == Takes::kMany ? "expected at least one argument" : "expected one argument");
      }
    }
    for (const auto* letter : letters) take_(*letter, {});
    take_(*flag, std::move(values));
    return end;
  }

  bool is_value(std::size_t at) const { return !options_[at] && at != dashes_; }

  const std::vector<Flag>& flags_;
  const std::vector<std::string>& args_;
  const Take& take_;
  std::vector<std::optional<Option>> options_;
  std::optional<std::size_t> dashes_;
};

}  // namespace

std::string Flag::shown() const { return short_name ? std::string(short_name) + "/" + long_name : long_name; }

Arguments parse_arguments(const std::vector<Flag>& flags, bool has_command, const std::vector<std::string>& args,
                          const std::function<void(const Flag&, std::vector<std::string>)>& take) {
  return Parser(flags, args, take).parse(has_command);
}

int integer_argument(const Flag& flag, const std::string& text) {
  constexpr int kMost = 1'000'000;
  constexpr const char* kSpaces = " \t\n\r\f\v";
  const auto invalid = [&] { return ArgumentError(flag, "invalid int value: " + quoted(text)); };
  const auto first = text.find_first_not_of(kSpaces);
  if (first == std::string::npos) throw invalid();
  auto digits = text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
  const bool negative = digits[0] == '-';
  if (negative || digits[0] == '+') digits.erase(0, 1);
  int value = 0;
  bool after_digit = false;
  for (const char c : digits) {
    const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (!digit && (c != '_' || !after_digit)) throw invalid();
    if (digit) value = std::min(kMost, value * 10 + (c - '0'));
    after_digit = digit;
  }
  if (!after_digit) throw invalid();
  return negative ? -value : value;
}

}  // namespace fm::cli
