# Warnings are errors; the sanitizer of a preset is chosen by FM_SANITIZE.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  add_compile_options(-Wno-restrict)  # false alarms in `"text" + std::string`: GCC bug 105651
endif()
set(FM_SANITIZE "" CACHE STRING "address (with undefined) or thread")
if(FM_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # They take half of GCC's time: a null pointer stops the program by itself, and
  # only src/bson reads bytes as numbers, where alignment is checked.
  add_compile_options(-fno-sanitize=null,alignment)
  add_link_options(-fsanitize=address,undefined)
elseif(FM_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(FM_SANITIZE STREQUAL "fuzzer")
  # Clang only: coverage tells the fuzzers (tests/fuzz) where they have been.
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(FM_SANITIZE)
  message(FATAL_ERROR "FM_SANITIZE is '${FM_SANITIZE}'; use address, thread or fuzzer")
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Werror)  # other compilers warn of other things
endif()
if(FM_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-maybe-uninitialized)  # instrumented code makes GCC see dangers that are none
endif()

find_program(FM_CCACHE ccache)
if(FM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${FM_CCACHE}")
endif()
