// SPDX-License-Identifier: MIT
// Load for the module: processes that fork as fast as they can, in starts and outside, while all calls
// are made at random, with good arguments and with rubbish.
//   storm bare               forks for ever, knows nothing of the module
//   storm MILLISECONDS SEED  as the controller; ends with all its starts dead and forgotten
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/leash.h>

static int fd;
static int watchers[4] = {-1, -1, -1, -1};
static char buffer[1 << 16];

static void die(const char* what) {
    fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
    exit(1);
}

// In a child: a process that is lost may outlive the round, and must not hold the module.
static void close_device(void) {
    close(fd);
    for (size_t i = 0; i < sizeof(watchers) / sizeof(*watchers); i++) {
        close(watchers[i]);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fork_for_ever(void) {
    signal(SIGCHLD, SIG_IGN); // no zombies
    for (;;) {
        pid_t pid = fork();
        if (pid == 0 && rand() % 3 == 0) {
            execl("/bin/true", "true", NULL);
        }
        if (pid == 0) {
            _exit(rand() % 2);
        }
        usleep(pid < 0 ? 1000 : 200);
    }
}

static double chain_limit;

// A new number every moment, as the hydra has it. Where the module has few entries one may be lost, and
// then nothing ends it: so it ends by itself, and holds nothing that somebody waits for.
static void chain(void) {
    close(STDOUT_FILENO);
    while (now() < chain_limit) {
        pid_t pid = fork();
        if (pid > 0) {
            _exit(0);
        }
        if (pid == 0) {
            setsid();
        }
        usleep(300);
    }
    _exit(0);
}

static void spawn(unsigned long long id, void (*body)(void)) {
    struct leash_start_ref ref = {.id = id};
    if (ioctl(fd, LEASH_IOC_ARM, &ref)) {
        return; // it dies already
    }
    pid_t pid = fork();
    if (pid == 0) {
        close_device();
        body();
    }
    ref.id = 0;
    ioctl(fd, LEASH_IOC_ARM, &ref);
}

static void rubbish(void) {
    unsigned char argument[512] __attribute__((aligned(8)));
    // Not START_SET, ADOPT and KILL: they would reach others. Nor WATCH: read() would wait.
    static const int numbers[] = {0, 2, 3, 5, 7, 8, 9, 10, 11, 12, 14, 19, 200};
    for (size_t i = 0; i < sizeof(argument); i++) {
        argument[i] = rand() % 4 ? 0 : (unsigned char)rand();
    }
    int number = numbers[rand() % (int)(sizeof(numbers) / sizeof(*numbers))];
    if (number == 7 || number == 8) { // the buffer may be any but ours
        unsigned long long address = rand() % 2 ? (unsigned long long)(unsigned long)buffer : 4096;
        memcpy(argument + (number == 7 ? 24 : 0), &address, 8);
    }
    unsigned size = rand() % 3 ? (unsigned)(rand() % 30) * 8 : (unsigned)rand() % 512;
    ioctl(fd, _IOC((unsigned)rand() % 4, LEASH_IOC_MAGIC, number, size), argument);
}

// Those who watch come, read and go while all goes on.
static void watch(unsigned long long id) {
    int* one = &watchers[rand() % 4];
    struct leash_watch wanted = {.start = rand() % 2 ? id : 0,
                                 .events = 1U << rand() % 13 | ((unsigned)rand() & 0x1fff),
                                 .queue = 1U << rand() % 9,
                                 .coalesce_ms = (unsigned)rand() % 3,
                                 .signo = rand() % 3 ? 0 : SIGRTMIN};
    struct leash_unwatch ended = {.id = 1 + (unsigned)rand() % 4};
    if (*one < 0) {
        *one = open("/dev/leash", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        ioctl(*one, LEASH_IOC_WATCH, &wanted);
        return;
    }
    switch (rand() % 4) {
    case 0: ioctl(*one, LEASH_IOC_WATCH, &wanted); break;
    case 1: ioctl(*one, LEASH_IOC_UNWATCH, &ended); break;
    case 2: (void)!read(*one, buffer, (size_t)rand() % sizeof(buffer)); break;
    default: close(*one); *one = -1;
    }
}

static void one_call(unsigned long long id) {
    struct leash_snapshot snapshot = {
        .facts = rand() % 2 ? 0x1ff : 0,
        .buffer = (unsigned long)buffer,
        .size = sizeof(buffer),
        .record_size = sizeof(struct leash_task),
        .flags = (unsigned)rand() % 8,
    };
    struct leash_whois whois = {.pid = getpid() + rand() % 50};
    struct leash_rescan rescan = {.flags = (unsigned)rand() % 8};
    struct leash_spare spare = {.start = id, .pid = getpid() + rand() % 50, .flags = 1};
    struct leash_starts starts = {.buffer = (unsigned long)buffer, .size = sizeof(buffer),
                                  .record_size = sizeof(struct leash_start_info)};
    struct leash_kill kill = {.id = id, .signo = rand() % 3 ? 0 : SIGTERM};
    struct leash_adopt adopt = {.start = id, .flags = LEASH_ADOPT_TREE | LEASH_ADOPT_REPLACE};
    switch (rand() % 11) {
    case 0: ioctl(fd, LEASH_IOC_SNAPSHOT, &snapshot); break;
    case 1: ioctl(fd, LEASH_IOC_WHOIS, &whois); break;
    case 2: ioctl(fd, LEASH_IOC_RESCAN, &rescan); break;
    case 3: ioctl(fd, LEASH_IOC_SPARE, &spare); break;
    case 4: ioctl(fd, LEASH_IOC_STARTS, &starts); break;
    case 5: ioctl(fd, LEASH_IOC_KILL, &kill); break;
    case 6:
        adopt.pid = fork();
        if (adopt.pid == 0) {
            close_device();
            close(STDOUT_FILENO);
            alarm(1);
            fork_for_ever();
        }
        ioctl(fd, LEASH_IOC_ADOPT, &adopt);
        break;
    case 7: lseek(fd, 0, SEEK_SET); while (read(fd, buffer, sizeof(buffer)) > 0) {} break;
    case 8:
    case 9: watch(id); break;
    default: rubbish();
    }
}

// One call kills it all; what was adopted by chance alone may be spared, so those, too.
static void end(unsigned long long id) {
    struct leash_kill kill = {.id = id, .signo = SIGKILL,
                              .flags = LEASH_KILL_SPARED | LEASH_KILL_TAGGED};
    struct leash_start_ref ref = {.id = id};
    double limit = now() + 60;
    do {
        if (ioctl(fd, LEASH_IOC_KILL, &kill)) {
            die("KILL");
        }
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        if (now() > limit) {
            fprintf(stderr, "storm: %u processes do not die\n", kill.live);
            exit(1);
        }
    } while (kill.live);
    if (ioctl(fd, LEASH_IOC_START_DEL, &ref)) {
        die("START_DEL");
    }
}

int main(int argc, char** argv) {
    if (argc == 2 && strcmp(argv[1], "bare") == 0) {
        fork_for_ever();
    }
    if (argc != 3) {
        fprintf(stderr, "storm bare | MILLISECONDS SEED\n");
        return 2;
    }
    signal(SIGRTMIN, SIG_IGN);
    srand((unsigned)atoi(argv[2]));
    fd = open("/dev/leash", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        die("/dev/leash");
    }
    struct leash_start starts[2] = {{.id = 0x1000, .name = "storm-1"},
                                    {.id = 0x2000, .name = "storm-2"}};
    chain_limit = now() + atoi(argv[1]) / 1000.0 + 5;
    for (int i = 0; i < 2; i++) {
        starts[i].id += (unsigned long long)atoi(argv[2]) << 16;
        if (ioctl(fd, LEASH_IOC_START_SET, &starts[i])) {
            die("START_SET");
        }
        spawn(starts[i].id, fork_for_ever);
        spawn(starts[i].id, chain);
    }
    double limit = now() + atoi(argv[1]) / 1000.0;
    long calls = 0;
    while (now() < limit) {
        one_call(starts[rand() % 2].id);
        calls++;
    }
    end(starts[0].id);
    end(starts[1].id);
    printf("%ld calls\n", calls);
    return 0;
}
