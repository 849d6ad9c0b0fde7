# SPDX-License-Identifier: MIT
# Sourced by the scripts of this folder: where things are. Set before: $here, the folder itself.
source=$(cd "$here/../.." && pwd)
cache=${LEASH_VM_CACHE:-$source/.cache}
jobs=$(nproc)

die() {
    echo "$0: $*" >&2
    exit 1
}

# The kernel that Debian's meta package stands for, as in linux-headers-VERSION.
version_of() { # version_of linux-headers-amd64
    apt-cache depends --important "$1" 2> /dev/null |
        sed -n 's/.*Depends: linux-\(headers\|image\)-\([^ ]*\)$/\2/p' | head -n 1
}

# One builder at a time; the others wait and find it done.
lock() { # lock NAME COMMAND...
    name=$1
    shift
    mkdir -p "$cache"
    flock "$cache/$name.lock" "$@"
}
