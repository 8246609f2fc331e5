# ArrowFs::s3: Arrow's file systems, from a system Arrow, else from the library
# and headers inside the Python package pyarrow of .venv or of python3.
# Nothing is defined when there is neither.
find_package(Arrow QUIET CONFIG)
if(TARGET Arrow::arrow_shared)
  add_library(ArrowFs::s3 ALIAS Arrow::arrow_shared)
  set(ArrowFs_FOUND TRUE)
  return()
endif()
find_program(FM_PYARROW_PYTHON NAMES python3 PATHS "${PROJECT_SOURCE_DIR}/.venv/bin" NO_DEFAULT_PATH)
find_program(FM_PYARROW_PYTHON NAMES python3)
set(ArrowFs_FOUND FALSE)
execute_process(
  COMMAND ${FM_PYARROW_PYTHON} -c "import pyarrow; print(pyarrow.get_library_dirs()[0])"
  OUTPUT_VARIABLE dir OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(NOT failed)
  file(GLOB arrow "${dir}/libarrow.so.*")
  file(GLOB s3 "${dir}/libarrow_s3.so.*")
  list(LENGTH arrow arrows)
  list(LENGTH s3 s3s)
  if(arrows EQUAL 1 AND s3s EQUAL 1)
    add_library(ArrowFs::arrow SHARED IMPORTED)
    set_target_properties(ArrowFs::arrow PROPERTIES
      IMPORTED_LOCATION "${arrow}" INTERFACE_INCLUDE_DIRECTORIES "${dir}/include")
    add_library(ArrowFs::s3 SHARED IMPORTED)
    set_target_properties(ArrowFs::s3 PROPERTIES
      IMPORTED_LOCATION "${s3}" INTERFACE_LINK_LIBRARIES ArrowFs::arrow)
    set(ArrowFs_FOUND TRUE)
  endif()
endif()
