/* SPDX-License-Identifier: MIT
 * message SOCKET TEXT [FOLDER]: sends TEXT to a notify socket and is gone at once; with FOLDER from
 * that group. Defeats who looks up the sender when it reads the message. */
#include "rogue.h"

#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char** argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc < 3 || strlen(argv[1]) >= sizeof address.sun_path) return 2;
    strcpy(address.sun_path, argv[1]);
    if (argc > 3) move_to(argv[3]);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    return sendto(fd, argv[2], strlen(argv[2]), 0, (struct sockaddr*)&address, sizeof address) < 0;
}
