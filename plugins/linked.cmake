# leash-init-linked: init with its plugins in it. It is what is installed with -DLEASH_STATIC_PLUGINS=ON;
# the sources are the same.
if(NOT LEASH_LINK_PLUGINS)
  return()
endif()

set(names watchdog monitor finder)
set(entries)
set(list)
set(objects)
foreach(name ${names})
  string(APPEND entries "extern \"C\" const leash_plugin* leash_plugin_entry_${name}(void);\n")
  string(APPEND list "        {\"${name}\", leash_plugin_entry_${name}},\n")
  list(APPEND objects ${CMAKE_BINARY_DIR}/plugins/${name}-linked.o)
endforeach()
set(source ${CMAKE_BINARY_DIR}/generated/linked_plugins.cpp)
file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
// Made by plugins/linked.cmake.
#include "plugin/loader.h"

@entries@
const std::vector<leash::LinkedPlugin>& leash::linked_plugins() {
    static const std::vector<LinkedPlugin> plugins = {
@list@    };
    return plugins;
}
]])
leash_program(leash-init-linked SOURCES ${CMAKE_SOURCE_DIR}/src/init/main.cpp ${source} ${objects}
                                LIBRARIES leash_init)
set_source_files_properties(${objects} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
set_target_properties(leash-init-linked PROPERTIES
                      RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/src)
foreach(name ${names})
  add_dependencies(leash-init-linked linked_${name}_object)
endforeach()
