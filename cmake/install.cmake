# Where things are found on the machine (design: the paths other people rely on). Leash is an init:
# /sbin/init and /etc are where the kernel and people look, whatever the prefix.
set(init leash-init$<$<BOOL:${LEASH_STATIC_PLUGINS}>:-linked>)
install(PROGRAMS $<TARGET_FILE:${init}> DESTINATION /sbin RENAME init)
install(TARGETS initctl leash-rescue RUNTIME DESTINATION /sbin)
install(TARGETS leashps leashmon RUNTIME DESTINATION /usr/bin)
install(TARGETS leash-logger leash-finder leash-trouble-handler RUNTIME DESTINATION /usr/lib/leash)
install(CODE [[
  foreach(name poweroff reboot halt)
    file(CREATE_LINK initctl "$ENV{DESTDIR}/sbin/${name}" SYMBOLIC)
  endforeach()
  file(CREATE_LINK initctl "$ENV{DESTDIR}/sbin/watchdogctl" SYMBOLIC)
]])
install(FILES init.conf DESTINATION /etc/leash)
install(DIRECTORY services.d DESTINATION /etc/leash FILES_MATCHING PATTERN "*.conf")
install(FILES src/plugin/leash_plugin.h DESTINATION /usr/include/leash)

# What the sample web server serves.
install(FILES services.d/index.html DESTINATION /var/www)

# The samples' heartbeat program.
if(EXISTS ${CMAKE_SOURCE_DIR}/services.d/leash-beat.c)
  add_executable(leash-beat services.d/leash-beat.c)
  install(TARGETS leash-beat RUNTIME DESTINATION /usr/lib/leash)
endif()
