# SPDX-License-Identifier: MIT
# Sourced by the scripts of this folder: where things are. Set before: $here, the folder itself.
source=$(cd "$here/../.." && pwd)
cache=${LEASH_VM_CACHE:-$source/.cache}
jobs=$(nproc)

die() {
    echo "$0: $*" >&2
    exit 1
}

# The folder that modules are built against, of the kernel that a meta package of Debian stands for.
headers_of() { # headers_of linux-headers-amd64
    package=$(apt-cache depends --important --installed "$1" 2> /dev/null |
        sed -n 's/.*Depends: \(linux-headers-.*\)/\1/p' | head -n 1)
    [ -n "$package" ] && [ -d "/usr/src/$package" ] ||
        die "the package $1 is not installed (.ci/install-deps packages-kernel.txt)"
    echo "/usr/src/$package"
}

# One builder at a time; the others wait and find it done.
lock() { # lock NAME COMMAND...
    name=$1
    shift
    mkdir -p "$cache"
    flock "$cache/$name.lock" "$@"
}
