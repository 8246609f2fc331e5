// Random choices for properties whose data are made step by step. They follow
// one number that RapidCheck draws for each case, so a failure shows that number
// instead of every choice, and does not depend on RapidCheck's size.
#pragma once

#include <rapidcheck.h>

#include <cstdint>
#include <initializer_list>
#include <random>

namespace fm {

inline std::mt19937_64& choices() {
  static std::mt19937_64 engine;
  return engine;
}

// To be called first in every case.
inline void begin_choices() { choices().seed(*rc::gen::resize(200, rc::gen::arbitrary<std::uint64_t>())); }

template <class T>
T between(T first, T last) {
  return std::uniform_int_distribution<T>(first, last)(choices());
}

template <class T>
T below(T end) {
  return between<T>(0, end - 1);
}

inline bool chance(int percent) { return below(100) < percent; }

template <class T>
T pick(std::initializer_list<T> options) {
  return *(options.begin() + below(options.size()));
}

template <class T>
T random_of(const rc::Gen<T>& gen, int size) {
  return gen(rc::Random(choices()()), size).value();
}

}  // namespace fm
