# leash_room(NAME libraries...): the folder src/NAME as the static library leash_NAME.
# Which room may use which is written down in CONTRIBUTING.md.
function(leash_room name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  add_library(leash_${name} STATIC ${sources})
  target_include_directories(leash_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(leash_${name} PUBLIC ${ARGN})
endfunction()

# leash_program(NAME SOURCES... ) links libstdc++ and libgcc statically.
function(leash_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
  if(NOT LEASH_SANITIZE)
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
endfunction()
