// SPDX-License-Identifier: MIT
// ask_plugin [-u UID] NAME WORD...: a command to a plugin, as /run/leash/control takes it
// (src/control/protocol.h). Prints the reply but its end, then the message; exits with the status
// that the end tells.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char** argv) {
    if (argc > 3 && strcmp(argv[1], "-u") == 0) {
        if (setuid((uid_t)atoi(argv[2])) != 0) return 5;
        argv += 2;
        argc -= 2;
    }
    char request[4096];
    size_t length = (size_t)snprintf(request, sizeof request, "leash/1%cplugin", 0);
    for (int i = 1; i < argc && length < sizeof request - 300; ++i)
        length += (size_t)snprintf(request + length, sizeof request - length, "%c%.255s", 0,
                                   argv[i]);
    request[length++] = '\n';
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/run/leash/control"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr*)&to, sizeof to) != 0 ||
        write(fd, request, length) != (ssize_t)length) {
        perror("ask_plugin");
        return 5;
    }
    FILE* reply = fdopen(fd, "r");
    static char line[65536];
    while (fgets(line, sizeof line, reply)) {
        if (line[0] == '\n') continue;
        if (strncmp(line, "{\"end\":", 7) != 0) {
            fputs(line, stdout);
            continue;
        }
        char* message = strstr(line, "\"message\":\"");
        if (message && message[11] != '"')
            printf("%.*s\n", (int)strcspn(message + 11, "\"\n"), message + 11);
        return atoi(line + 7);
    }
    return 5;
}
