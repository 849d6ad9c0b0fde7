// SPDX-License-Identifier: MIT
// Stage-0: the program that the rig's initramfs starts as PID 1. It makes the guest ready (modules,
// root, overlays, disks), leaves the runner behind, and becomes the init under test. Nothing of it
// may be left for that init to see: no mount, no descriptor, no file, no signal setting.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

// Says on the console why the guest cannot come up (the rig looks for this line), then sleeps for
// ever: an exit of PID 1 would be a kernel panic and hide the reason.
_Noreturn void fatal(const char* format, ...) __attribute__((format(printf, 1, 2)));

// What one boot needs to know from its initramfs; see tests/vm/rig/initrd.py for the writer.
struct settings {
    bool root_is_disk; // else the initramfs itself is the guest's root
    bool has_disk;     // an ext4 disk for /var/lib
    bool has_out;      // a shared folder for /out
    char init[512];
    char* modules[128]; // "FILE [PARAMETERS]", in order
    size_t module_count;
};
void read_settings(int rig_folder, struct settings* settings);

// Kernel file systems, mounted for stage-0 only. Once they are detached nobody else sees them, but
// these descriptors still lead there.
struct kernel_folders {
    int dev, proc, sys;
};
struct kernel_folders mount_kernel_folders(void);
void detach_kernel_folders(void);

void insert_modules(int rig_folder, const struct settings* settings);

// The virtio-serial ports to the rig.
struct ports {
    int control, output, error;
};
struct ports open_ports(const struct kernel_folders* kernel);

// Mounts root (if on a disk), /var/lib and /out below `at`; devices are named by their serial.
void mount_guest(const struct kernel_folders* kernel, const struct settings* settings,
                 const char* at, bool writable);
// True if the last of the words `ro` and `rw` on the kernel's command line is `ro`.
bool asked_for_read_only_root(const struct kernel_folders* kernel);

// Lays the folders rig/layers/NN over the current root, in order.
void apply_layers(int rig_folder);
void remove_tree(int folder, const char* name);

// What the rig wants of this boot.
enum wait_for { WAIT_NOTHING, WAIT_LEASH, WAIT_OTHER_INIT };
struct order {
    unsigned boot; // 1 for the first
    enum wait_for wait_for;
    char** argv; // COMMAND; NULL without one
    char nonce[33];
};
struct order ask_for_order(int control);
// Reads one line without its end, at most size - 1 characters; blocks.
void read_line(int control, char* line, size_t size);
void write_all(int fd, const void* data, size_t size);

struct runner {
    struct order order;
    struct ports ports;
    int init_has_execed; // end of file once PID 1 is the init under test
    int proc;            // a /proc of our own: the init under test may have mounted none
    int null;
    dev_t state_disk; // device number of /var/lib's disk; 0 without one
};
_Noreturn void run_runner(struct runner* runner);

// COMMAND's result once it has ended and its output has gone to the rig.
struct result {
    int status; // as a shell would say it
    uint64_t output_bytes, error_bytes;
    bool told_to_stop; // somebody sent us SIGTERM meanwhile: the guest is going down
};
struct result run_command(const struct runner* runner, int signals);
// The child's side of a fork: makes the environment of a COMMAND; stdin is empty.
void become_command_child(const struct runner* runner, int output, int error);
