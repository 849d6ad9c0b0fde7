// SPDX-License-Identifier: MIT
// /usr/lib/leash/leash-trouble-handler: what the kernel module runs on trouble (leash(4)). Static, and
// it asks nobody for anything: init may stand still, and the machine may end within seconds. A disk that
// does not answer is what may have stopped init, and hangs us, too: so first comes a line in the
// kernel's log, then the files in memory, and the disk last.
//
//   /run/leash, then /var/lib/leash
//     reset-trouble   init-silent only: why, as leash-reset-cause(5) has it
//     silent-tasks    init-silent only: what the module knew of all tasks, 256 KiB of it at most
//     trouble-tasks   the same of the last other trouble
//
// The silence of init waits for no other trouble, so several of us may run at the same time: what one
// writes is never replaced by what another one writes of something else, and each file as a whole.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_TASKS = 256 << 10, LOG_RECORDS = 8, LOG_RECORD = 900 };

static const char kMemory[] = "/run/leash", kDisk[] = "/var/lib/leash";
static const char kCause[] = "reset-trouble", kSilent[] = "silent-tasks", kOther[] = "trouble-tasks";

static char tasks[MOST_TASKS];

// What is there, without the end of its last line; "" if it cannot be read.
static const char *read_text(const char *path, char *text, size_t size) {
    size_t length = 0;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (fd >= 0 && length < size - 1 && got > 0) {
        got = read(fd, text + length, size - 1 - length);
        if (got > 0) length += (size_t)got;
    }
    if (fd >= 0) close(fd);
    text[length] = '\0';
    if (length > 0 && text[length - 1] == '\n') text[length - 1] = '\0';
    return text;
}

static int write_all(int fd, const char *text, size_t length) {
    while (length > 0) {
        ssize_t done = write(fd, text, length);
        if (done <= 0) return -1;
        text += done;
        length -= (size_t)done;
    }
    return 0;
}

// Under a name that no other living one of us has. 0: it is there.
static int replace_in(const char *folder, const char *name, const char *text, size_t length) {
    char path[128], fresh[128];
    int fd, good, at;
    if (length == 0) return -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(fresh, sizeof fresh, "%s/%s.%d.new", folder, name, (int)getpid());
    mkdir(folder, 0755);
    unlink(fresh); // of one in an earlier life of the machine
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    good = write_all(fd, text, length) == 0 && fsync(fd) == 0;
    close(fd);
    if (!good || rename(fresh, path) != 0) {
        unlink(fresh);
        return -1;
    }
    at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at >= 0) {
        fsync(at);
        close(at);
    }
    return 0;
}

// Init has come back while the disk kept us waiting: it takes the cause away here first, then there.
// Ours came too late for that.
static void take_back_cause(void) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", kMemory, kCause);
    if (access(path, F_OK) == 0 || errno != ENOENT) return;
    snprintf(path, sizeof path, "%s/%s", kDisk, kCause);
    unlink(path);
}

// Whether one of us has that number; where nobody can tell, yes.
static int is_handler(long pid) {
    char path[48];
    struct stat mine, its;
    snprintf(path, sizeof path, "/proc/%ld/exe", pid);
    if (stat("/proc/self/exe", &mine) != 0) return 1;
    return stat(path, &its) == 0 && its.st_dev == mine.st_dev && its.st_ino == mine.st_ino;
}

// Whose file has that name until it is whole; 0: it is no such file.
static long writer_of(const char *file) {
    const char *const names[] = {kCause, kSilent, kOther};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        size_t length = strlen(names[i]);
        char *end;
        long pid;
        if (strncmp(file, names[i], length) != 0 || file[length] != '.') continue;
        pid = strtol(file + length + 1, &end, 10);
        return pid > 0 && strcmp(end, ".new") == 0 ? pid : 0;
    }
    return 0;
}

// Those that were killed, or ended with the machine, have left behind what they had not renamed. We
// have renamed all of ours.
static void clear_away(const char *folder) {
    DIR *there = opendir(folder);
    struct dirent *entry;
    while (there != NULL && (entry = readdir(there)) != NULL) {
        long pid = writer_of(entry->d_name);
        if (pid == getpid() || (pid > 0 && !is_handler(pid)))
            unlinkat(dirfd(there), entry->d_name, 0);
    }
    if (there != NULL) closedir(there);
}

// What comes from elsewhere becomes part of a line.
static const char *plain(char *text) {
    for (char *at = text; *at != '\0'; ++at)
        if ((unsigned char)*at < ' ' || *at == 0x7f) *at = ' ';
    return text;
}

static uint32_t checksum(const char *bytes, size_t length) { // CRC-32
    uint32_t crc = ~0U;
    for (size_t i = 0; i < length; ++i) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
    }
    return ~crc;
}

// "S in ep_poll (ep_poll < do_epoll_wait)": what PID 1 does.
static void describe_init(char *text, size_t size) {
    char stat[512], wchan[64], stack[1024], *line, *rest = stack;
    const char *state = strrchr(read_text("/proc/1/stat", stat, sizeof stat), ')');
    int used = snprintf(text, size, "PID 1: %c in %s",
                        state != NULL && state[1] == ' ' ? state[2] : '?',
                        read_text("/proc/1/wchan", wchan, sizeof wchan));
    read_text("/proc/1/stack", stack, sizeof stack);
    for (int frame = 0; frame < 4 && (line = strsep(&rest, "\n")) != NULL; ++frame) {
        char *name = strchr(line, ' ');
        if (name == NULL || used < 0 || (size_t)used >= size) break;
        name[1 + strcspn(name + 1, "+ ")] = '\0';
        used += snprintf(text + used, size - (size_t)used, "%s%s", frame == 0 ? " (" : " < ", name + 1);
    }
    if (strchr(text, '(') != NULL && used > 0 && (size_t)used < size)
        snprintf(text + used, size - (size_t)used, ")");
}

// The record of the cause; how long it is, 0 if it cannot be made.
static size_t describe_cause(const char *evidence, char *text, size_t size) {
    char life[64], uptime[64], date[32] = "";
    time_t now = time(NULL);
    struct tm when;
    struct timespec up;
    int length;
    clock_gettime(CLOCK_BOOTTIME, &up);
    snprintf(uptime, sizeof uptime, "%lld.%03ld", (long long)up.tv_sec, up.tv_nsec / 1000000);
    if (gmtime_r(&now, &when) != NULL && now > 0)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &when);
    read_text("/proc/sys/kernel/random/boot_id", life, sizeof life);
    length = snprintf(text, size - 32,
                      "cause        = init-silent\ntask         = 1\ntask-name    = init\n"
                      "evidence     = %.280s\ndate         = %s\nuptime       = %s\n"
                      "life         = %.39s\n",
                      evidence, date, uptime, life);
    if (length <= 0 || (size_t)length >= size - 32) return 0;
    length += snprintf(text + length, 32, "check        = %08x\n",
                       (unsigned)checksum(text, (size_t)length));
    return (size_t)length;
}

// The kernel takes some records in a row from user space, and drops more: full ones, and few.
static void log_tasks(int kmsg, const char *line, const char *name) {
    char record[LOG_RECORD + 16];
    for (int count = 0; count < LOG_RECORDS && *line != '\0'; ++count) {
        size_t length = (size_t)snprintf(record, sizeof record, "<4>");
        while (*line != '\0') {
            size_t more = strcspn(line, "\n");
            if (length + more + 1 > LOG_RECORD) break;
            memcpy(record + length, line, more);
            length += more;
            record[length++] = '\n';
            line += more + (line[more] == '\n');
        }
        if (length <= 3) break; // one line is too long
        if (write(kmsg, record, length) < 0) break;
    }
    if (*line != '\0') {
        int length = snprintf(record, sizeof record,
                              "<4>leash-trouble-handler: further tasks are in %s\n", name);
        if (write(kmsg, record, (size_t)length) < 0) return;
    }
}

static const char *from_environment(const char *name, char *text, size_t size) {
    const char *value = getenv(name);
    snprintf(text, size, "%s", value != NULL ? value : "");
    return plain(text);
}

int main(void) {
    char reason[32], service[64], pid[16], start[24], evidence[320], init[240], line[640], cause[1400];
    const char *name = kOther, *all;
    size_t cause_length = 0, head, length;
    int in_memory = -1;
    pid_t logger = -1;
    int kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    from_environment("REASON", reason, sizeof reason);
    from_environment("TROUBLED_SERVICE", service, sizeof service);
    from_environment("TROUBLED_PID", pid, sizeof pid);
    from_environment("TROUBLED_START", start, sizeof start);
    if (reason[0] == '\0') {
        fputs("leash-trouble-handler is run by the kernel module: see leash-trouble-handler(8)\n",
              stderr);
        return 2;
    }
    umask(077);
    describe_init(init, sizeof init);
    snprintf(line, sizeof line,
             "<2>leash-trouble-handler: %s: service %s, process %s, start %s; %s\n", reason, service,
             pid, start, plain(init));
    if (kmsg >= 0 && write(kmsg, line, strlen(line)) < 0) close(kmsg), kmsg = -1;

    if (strcmp(reason, "init-silent") == 0) {
        name = kSilent;
        snprintf(evidence, sizeof evidence, "the kernel module had no sign of life; %s", init);
        cause_length = describe_cause(evidence, cause, sizeof cause);
        in_memory = replace_in(kMemory, kCause, cause, cause_length);
    }
    head = (size_t)snprintf(tasks, sizeof tasks, "%s", line + 3);
    read_text("/dev/leash", tasks + head, sizeof tasks - head);
    length = strlen(tasks);
    replace_in(kMemory, name, tasks, length);
    clear_away(kMemory);

    // A console may be slow, and the disk may hang: neither waits for the other.
    all = tasks + head;
    if (kmsg >= 0) logger = fork();
    if (logger == 0) {
        log_tasks(kmsg, all, name);
        _exit(0);
    }
    replace_in(kDisk, kCause, cause, cause_length);
    if (in_memory == 0) take_back_cause();
    replace_in(kDisk, name, tasks, length);
    clear_away(kDisk);
    if (logger > 0) waitpid(logger, NULL, 0);
    else if (kmsg >= 0) log_tasks(kmsg, all, name);
    return 0;
}
