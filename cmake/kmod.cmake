# The kernel module, for the kernel that the guest boots: Debian's, whose headers the package
# linux-headers-amd64 brings. Without headers all the rest is built.
option(LEASH_KMOD "Build the kernel module if the headers of a kernel are found" ON)
option(LEASH_DKMS "Install the module's source for DKMS, and not the built module" OFF)
set(LEASH_KDIR "" CACHE PATH "Headers or build folder of the kernel that the module is for")

function(leash_find_headers folder)
  if(LEASH_KDIR)
    set(${folder} ${LEASH_KDIR} PARENT_SCOPE)
    return()
  endif()
  file(GLOB candidates LIST_DIRECTORIES true /usr/src/linux-headers-*-amd64)
  list(FILTER candidates EXCLUDE REGEX "-(rt|cloud)-amd64$")
  list(SORT candidates COMPARE NATURAL ORDER DESCENDING)
  set(${folder} "" PARENT_SCOPE)
  if(candidates)
    list(GET candidates 0 newest)
    set(${folder} ${newest} PARENT_SCOPE)
  endif()
endfunction()

# DKMS reads the version from its own file.
file(STRINGS kmod/dkms.conf dkms_version REGEX "^PACKAGE_VERSION=")
if(NOT dkms_version STREQUAL "PACKAGE_VERSION=\"${PROJECT_VERSION}\"")
  message(FATAL_ERROR "kmod/dkms.conf says ${dkms_version}, the project is ${PROJECT_VERSION}")
endif()

install(FILES kmod/include/uapi/linux/leash.h DESTINATION /usr/include/linux)
if(LEASH_DKMS)
  set(home /usr/src/leash-${PROJECT_VERSION})
  install(DIRECTORY kmod/ DESTINATION ${home} COMPONENT dkms FILES_MATCHING PATTERN "*.[ch]" PATTERN "Kbuild"
          PATTERN "Makefile" PATTERN "dkms.conf" PATTERN "README.md" PATTERN "tests" EXCLUDE)
  return()
endif()
if(NOT LEASH_KMOD OR LEASH_SANITIZE OR LEASH_FUZZ)
  return()
endif()

leash_find_headers(kdir)
if(NOT kdir)
  message(STATUS "No kernel headers in /usr/src (package linux-headers-amd64, or -DLEASH_KDIR=): "
                 "Leash is built without its kernel module")
  return()
endif()
if(NOT EXISTS ${kdir}/include/generated/utsrelease.h)
  message(FATAL_ERROR "${kdir} is no folder that modules are built against: it has no "
                      "include/generated/utsrelease.h. Give another one with -DLEASH_KDIR=, or "
                      "leave the module out with -DLEASH_KMOD=OFF")
endif()
# What the kernel says of itself, and where it looks for modules. Not kernel.release: Debian's has
# the version of the source.
file(STRINGS ${kdir}/include/generated/utsrelease.h kernel REGEX UTS_RELEASE)
string(REGEX REPLACE ".*\"(.*)\".*" "\\1" kernel "${kernel}")

file(GLOB sources CONFIGURE_DEPENDS kmod/*.c kmod/*.h kmod/include/uapi/linux/*.h)
set(objects ${CMAKE_BINARY_DIR}/kmod)
set(module ${CMAKE_BINARY_DIR}/leash.ko)
message(STATUS "Kernel module for ${kernel} (${kdir})")
# Its types (BTF) cannot be made without the kernel's own image, and nothing here asks for them.
# Symbols for the debugger stay in kmod/leash.ko; `install --strip` would strip what modules need.
add_custom_command(OUTPUT ${module}
  COMMAND make -s -C ${CMAKE_SOURCE_DIR}/kmod KDIR=${kdir} OUT=${objects} KCFLAGS=-Werror
          CONFIG_DEBUG_INFO_BTF_MODULES=
  COMMAND strip --strip-debug -o ${module} ${objects}/leash.ko
  DEPENDS ${sources} kmod/Kbuild kmod/Makefile
  COMMENT "Building the kernel module for ${kernel}" VERBATIM)
add_custom_target(kmod ALL DEPENDS ${module})
install(FILES ${module} DESTINATION /lib/modules/${kernel}/updates)
install(CODE "
  if(\"\$ENV{DESTDIR}\" STREQUAL \"\")
    execute_process(COMMAND depmod -a ${kernel})
  endif()
")
