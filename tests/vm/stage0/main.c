// SPDX-License-Identifier: MIT
#include "stage0.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_ROOT "/.rig/root"

void fatal(const char* format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    dprintf(2, "\nstage-0: fatal: %s\n", text);
    for (;;) {
        pause();
    }
}

void read_settings(int rig_folder, struct settings* settings) {
    int fd = openat(rig_folder, "settings", O_RDONLY | O_CLOEXEC);
    FILE* file = fd < 0 ? NULL : fdopen(fd, "r");
    if (!file) {
        fatal("cannot open the rig's settings: %m");
    }
    char line[1024];
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char* value = strchr(line, ' ');
        if (!value) {
            fatal("a setting without a value: %s", line);
        }
        *value++ = '\0';
        if (!strcmp(line, "root")) {
            settings->root_is_disk = !strcmp(value, "disk");
        } else if (!strcmp(line, "init")) {
            snprintf(settings->init, sizeof settings->init, "%s", value);
        } else if (!strcmp(line, "disk")) {
            settings->has_disk = !strcmp(value, "yes");
        } else if (!strcmp(line, "out")) {
            settings->has_out = !strcmp(value, "yes");
        } else if (!strcmp(line, "module") && settings->module_count < 128) {
            settings->modules[settings->module_count++] = strdup(value);
        } else {
            fatal("a setting that stage-0 does not know: %s", line);
        }
    }
    fclose(file);
}

static void enter_disk_root(void) {
    if (chdir(NEW_ROOT) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/")) {
        fatal("cannot switch to the root: %m");
    }
}

static void delete_contents(int folder) {
    // The memory of modules and overlays is the guest's again; stage-0's own file goes too.
    const char* names[] = {"layers", "modules", "settings", "stage0", "proc", "sys", "root"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        remove_tree(folder, names[i]);
    }
}

static dev_t device_of(const char* path) {
    struct stat status;
    return stat(path, &status) ? 0 : status.st_dev;
}

// Keeps the runner, but not what it starts, from the OOM killer. Inherited over fork, so PID 1 puts
// it on, forks, and takes it off again.
static void set_oom_score(int proc, const char* score) {
    int fd = openat(proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        write_all(fd, score, strlen(score));
        close(fd);
    }
}

static void leave_runner_behind(struct runner* runner) {
    int execed[2];
    if (pipe2(execed, O_CLOEXEC)) {
        fatal("pipe: %m");
    }
    set_oom_score(runner->proc, "-1000");
    pid_t pid = fork();
    if (pid < 0) {
        fatal("fork: %m");
    }
    if (pid == 0) {
        close(execed[1]);
        runner->init_has_execed = execed[0];
        run_runner(runner);
    }
    set_oom_score(runner->proc, "0");
}

int main(int argc, char** argv) {
    (void)argc;
    int rig_folder = open("/.rig", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (rig_folder < 0 || getpid() != 1) {
        fatal("to be started by the rig's initramfs only");
    }
    struct settings settings = {0};
    read_settings(rig_folder, &settings);
    struct kernel_folders kernel = mount_kernel_folders();
    insert_modules(rig_folder, &settings);

    struct runner runner = {.ports = open_ports(&kernel), .proc = kernel.proc};
    runner.order = ask_for_order(runner.ports.control);
    runner.null = openat(kernel.dev, "null", O_RDWR | O_CLOEXEC);
    if (runner.null < 0) {
        fatal("cannot open /dev/null: %m");
    }

    // A root on a disk keeps what COMMAND did to it, so the overlays are laid over it but once.
    bool lay_over = !settings.root_is_disk || runner.order.boot == 1;
    bool read_only = settings.root_is_disk && asked_for_read_only_root(&kernel);
    mount_guest(&kernel, &settings, settings.root_is_disk ? NEW_ROOT : "", lay_over || !read_only);
    detach_kernel_folders();
    if (settings.root_is_disk) {
        enter_disk_root();
    }
    if (lay_over) {
        apply_layers(rig_folder);
        if (read_only && mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL)) {
            fatal("cannot make the root read-only: %m");
        }
        if (settings.root_is_disk) {
            sync(); // a boot that ends in a panic shall not take the overlays along
        }
    }
    delete_contents(rig_folder);
    if (!settings.root_is_disk) {
        rmdir("/.rig");
    }
    runner.state_disk = settings.has_disk ? device_of("/var/lib") : 0;

    if (runner.order.wait_for != WAIT_NOTHING) {
        leave_runner_behind(&runner);
    }
    argv[0] = "init"; // what the kernel gave beside it (arguments, environment) goes on unchanged
    execv(settings.init, argv);
    fatal("cannot execute %s as init: %m", settings.init);
}
