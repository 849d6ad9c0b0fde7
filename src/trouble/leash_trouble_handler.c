// SPDX-License-Identifier: MIT
// /usr/lib/leash/leash-trouble-handler: what the kernel module runs on trouble (leash(4)). Static, and
// it asks nobody for anything: init may stand still, and the machine may end within seconds. So the
// short record comes first, whole and on the disk, then the list of tasks, then the kernel's log.
//
//   /var/lib/leash/reset-trouble   init-silent only: why, as leash-reset-cause(5) has it
//   /var/lib/leash/trouble-tasks   what the module knew of all tasks, 256 KiB of it at most
//
// Where /var/lib/leash cannot be written to, they go to /run/leash. A file is replaced as a whole.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_TASKS = 256 << 10, LOG_RECORDS = 8, LOG_RECORD = 900 };

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

static int replace_in(const char *folder, const char *name, const char *text, size_t length) {
    char path[128], fresh[128];
    int fd, good, at;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(fresh, sizeof fresh, "%s/%s.new", folder, name);
    mkdir(folder, 0755);
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
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

static void keep(const char *name, const char *text, size_t length) {
    if (replace_in("/var/lib/leash", name, text, length) != 0)
        replace_in("/run/leash", name, text, length);
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

static void keep_cause(const char *evidence) {
    char life[64], uptime[64], date[32] = "", text[1400];
    time_t now = time(NULL);
    struct tm when;
    struct timespec up;
    int length;
    clock_gettime(CLOCK_BOOTTIME, &up);
    snprintf(uptime, sizeof uptime, "%lld.%03ld", (long long)up.tv_sec, up.tv_nsec / 1000000);
    if (gmtime_r(&now, &when) != NULL && now > 0)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &when);
    read_text("/proc/sys/kernel/random/boot_id", life, sizeof life);
    length = snprintf(text, sizeof text - 32,
                      "cause        = init-silent\ntask         = 1\ntask-name    = init\n"
                      "evidence     = %.280s\ndate         = %s\nuptime       = %s\n"
                      "life         = %.39s\n",
                      evidence, date, uptime, life);
    if (length <= 0 || (size_t)length >= sizeof text - 32) return;
    length += snprintf(text + length, 32, "check        = %08x\n",
                       (unsigned)checksum(text, (size_t)length));
    keep("reset-trouble", text, (size_t)length);
}

// The kernel takes some records in a row from user space, and drops more: full ones, and few.
static void log_tasks(int kmsg) {
    char record[LOG_RECORD + 16];
    const char *line = tasks;
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
        const char more[] = "<4>leash-trouble-handler: further tasks are in trouble-tasks\n";
        if (write(kmsg, more, sizeof more - 1) < 0) return;
    }
}

static const char *from_environment(const char *name, char *text, size_t size) {
    const char *value = getenv(name);
    snprintf(text, size, "%s", value != NULL ? value : "");
    return plain(text);
}

int main(void) {
    char reason[32], service[64], pid[16], start[24], evidence[320], init[240], line[640], *all;
    int kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC), length;
    size_t head;
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
    snprintf(evidence, sizeof evidence, "the kernel module had no sign of life; %s", plain(init));
    if (strcmp(reason, "init-silent") == 0) keep_cause(evidence);
    length = snprintf(line, sizeof line,
                      "<2>leash-trouble-handler: %s: service %s, process %s, start %s; %s\n", reason,
                      service, pid, start, init);
    if (kmsg >= 0 && length > 0 && write(kmsg, line, (size_t)length) < 0) close(kmsg), kmsg = -1;

    head = (size_t)snprintf(tasks, sizeof tasks, "%s", line + 3);
    read_text("/dev/leash", tasks + head, sizeof tasks - head);
    keep("trouble-tasks", tasks, strlen(tasks));
    all = strchr(tasks, '\n');
    if (kmsg >= 0 && all != NULL) {
        memmove(tasks, all + 1, strlen(all + 1) + 1);
        log_tasks(kmsg);
    }
    return 0;
}
