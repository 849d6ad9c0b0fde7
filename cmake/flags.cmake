# Compiler flags for everything: warnings are errors in the tree's own code.
add_compile_options(-Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wnull-dereference -Werror
                    -fno-plt -ffunction-sections -fdata-sections)
add_compile_definitions(_GNU_SOURCE FMT_STATIC_THOUSANDS_SEPARATOR=',' LEASH_VERSION="${PROJECT_VERSION}")
# The build id tells which file's symbols fit a report of a crash.
add_link_options(-Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,--build-id)
# g++ 12 at -Os takes std::optional's storage for uninitialised; clang-tidy looks for real ones.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  add_compile_options(-Wno-maybe-uninitialized)
endif()
# g++ 12 sees dangling and null pointers in its own library headers under the sanitizers.
if(LEASH_SANITIZE)
  add_compile_options(-fsanitize=${LEASH_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
                      -Wno-null-dereference)
  add_link_options(-fsanitize=${LEASH_SANITIZE})
else()
  add_compile_options(-fstack-protector-strong)
endif()
