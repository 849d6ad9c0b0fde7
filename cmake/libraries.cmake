# The libraries from Debian. PID 1 links them statically, so that only the C library has to be found
# when the machine boots.
find_library(UEV_LIBRARY NAMES libuev.a REQUIRED)
find_library(INIH_LIBRARY NAMES libinih.a REQUIRED)
find_library(CAP_LIBRARY NAMES libcap.a REQUIRED)
find_path(FMT_INCLUDE fmt/format.h REQUIRED)
