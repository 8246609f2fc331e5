# fm_library(<folder> DEPS <lower folders> LIBS <external targets>)
#
# One static library per folder of src/. Its include root holds a single link
# to the folder itself, so `#include "ops/operation.h"` works only in targets
# that link fm_ops. src/CMakeLists.txt adds the folders bottom to top: a DEPS
# entry that is not below does not exist yet and stops the configuration.
function(fm_library name)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "" "DEPS;LIBS")
  file(GLOB src CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  list(FILTER src EXCLUDE REGEX "_main\\.cc$")
  add_library(fm_${name} STATIC ${src})
  if(FM_PYTHON)
    # They are linked into a module, too, which shows none of their symbols.
    set_target_properties(fm_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON
      CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  endif()
  set(root "${PROJECT_BINARY_DIR}/include-roots/${name}")
  file(MAKE_DIRECTORY "${root}")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}" "${root}/${name}" SYMBOLIC)
  target_include_directories(fm_${name} PUBLIC "${root}")
  foreach(dep IN LISTS A_DEPS)
    if(NOT TARGET fm_${dep})
      message(FATAL_ERROR
        "src/${name} may not link src/${dep}: it is not below it (order in src/CMakeLists.txt)")
    endif()
    target_link_libraries(fm_${name} PUBLIC fm_${dep})
  endforeach()
  target_link_libraries(fm_${name} PUBLIC ${A_LIBS})
endfunction()

# fm_module(<folder> DEPS <lower folders> LIBS <external targets>)
#
# A shared library beside the programs that they load at run time. It sees the
# headers of its DEPS and links none of them: what crosses the border
# are virtual functions and fm::Error.
function(fm_module name)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "" "DEPS;LIBS")
  file(GLOB src CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  add_library(fm_${name} MODULE ${src})
  set(root "${PROJECT_BINARY_DIR}/include-roots/${name}")
  file(MAKE_DIRECTORY "${root}")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}" "${root}/${name}" SYMBOLIC)
  target_include_directories(fm_${name} PRIVATE "${root}")
  foreach(dep IN LISTS A_DEPS)
    target_include_directories(fm_${name} PRIVATE $<TARGET_PROPERTY:fm_${dep},INTERFACE_INCLUDE_DIRECTORIES>)
  endforeach()
  target_link_libraries(fm_${name} PRIVATE ${A_LIBS})
  set_target_properties(fm_${name} PROPERTIES
    CXX_VISIBILITY_PRESET hidden
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endfunction()
