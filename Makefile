# The front door. Everything real is in CMake (build), .ci/install-deps (packages) and tests/.
#
#   make            build everything
#   make run        boot the appliance in QEMU, to a console
#   make check      every test that CI runs
#   make check-kernel  the kernel module in a debug kernel and under PREEMPT_RT (long)
#   make check-daemons  real daemons as Debian ships them (takes their packages from the network, once)
#   make install    DESTDIR=/somewhere
#   make bench      figures as ratios against other inits
#   make deps       install the Debian packages of packages.txt that are missing

BUILD ?= build/release
JOBS  ?= $(shell nproc)

#   make lint       clang-tidy over everything (slow)

.PHONY: all deps build run check check-style check-unit check-vm check-kernel check-daemons check-fuzz lint install bench clean
all: build

deps:
	@.ci/install-deps

build: deps
	@cmake --preset release -B $(BUILD) $(CMAKE_OPTIONS) > /dev/null
	@cmake --build $(BUILD) -j $(JOBS)

run: build
	@tests/vm/run --interactive --build $(BUILD) --forward 0:22 --forward 0:80

install:
	@test -f $(BUILD)/CMakeCache.txt || $(MAKE) build
	DESTDIR=$(DESTDIR) cmake --install $(BUILD)

# Unit and functional tests, as they are installed and again under the sanitizers.
check-unit: build
	@cmake --preset sanitizers > /dev/null
	@cmake --build build/sanitizers -j $(JOBS)
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS) --timeout 120
	@ctest --test-dir build/sanitizers --output-on-failure -j $(JOBS) --timeout 240

check-fuzz: deps
	@tests/fuzz/run-briefly

check-vm: build
	@tests/vm/check

# The kernel module in a debug kernel (KASAN, lockdep) and in PREEMPT_RT; builds the former once.
check-kernel: build
	@.ci/install-deps packages-kernel.txt
	@tests/kernel/check

# Never part of `make check`: it needs the network.
check-daemons: build
	@tests/vm/daemons/check

lint: build
	@tests/lint

check-style:
	@tests/style/layers
	@tests/style/files
	@tests/style/life-cycle

check: build
	@$(MAKE) --no-print-directory check-style
	@$(MAKE) --no-print-directory check-unit
	@$(MAKE) --no-print-directory check-fuzz
	@$(MAKE) --no-print-directory check-vm
	@echo "make check: everything passed"

bench: build
	@.ci/install-deps packages-bench.txt
	@tests/bench/run
	@tests/bench/kmod/run

clean:
	rm -rf build .cache
