# SPDX-License-Identifier: GPL-2.0
#
# The front door: `make help` lists what there is.  What Kbuild compiles stands
# in Kbuild; kernels for the tests are built and cached by scripts/.

KDIR ?= /lib/modules/$(shell uname -r)/build
ARCH ?= x86_64
DESTDIR ?=
PREFIX ?= /usr/local
INSTALL ?= install
AXAS_VERSION := $(shell cat VERSION)

# The kernel's own ARCH, for a module built in place
KBUILD_ARGS = CONFIG_AXAS=m
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)

where = DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) $(if $(LIBDIR),LIBDIR=$(LIBDIR)) $(if $(ZSHDIR),ZSHDIR=$(ZSHDIR)) \
	$(if $(PYTHONDIR),PYTHONDIR=$(PYTHONDIR))
rules = $(DESTDIR)$(PREFIX)/lib/udev/rules.d
sysusers = $(DESTDIR)$(PREFIX)/lib/sysusers.d
dkms = $(DESTDIR)/usr/src/axas-$(AXAS_VERSION)

all: tools $(if $(wildcard $(KDIR)/Makefile),modules,no-modules) ## build the module for the running kernel, and the tools

no_headers = { \
	echo "make: no kernel headers at $(KDIR)." >&2; \
	echo "make: install linux-headers-$$(uname -r), or give KDIR=<kernel build directory>;" >&2; \
	echo "make: 'make demo' and 'make check' fetch what they need themselves." >&2; }

no-modules: tools
	@$(no_headers)
	@echo "make: the tools are built, the module is left out." >&2

modules: ## build the module in place against KDIR (the running kernel's headers)
	@test -r $(KDIR)/Makefile || { $(no_headers); exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(KBUILD_ARGS) modules

modules_install: modules ## install the module for the kernel of KDIR
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(KBUILD_ARGS) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) modules_install
	@# With nothing but headers the kernel's own makefile doesn't.
	$(if $(DESTDIR),,depmod $(release))

tools: ## build the user-space tools
	$(MAKE) -C tools

install: modules_install tools install-user ## install all: DESTDIR=, PREFIX=/usr/local, LIBDIR=PREFIX/lib
	@$(if $(DESTDIR),,echo "Now, as root: ldconfig && systemd-sysusers && udevadm control --reload && modprobe axas")

install-user: ## install all but the module: tools, library, udev rule
	$(MAKE) -C tools install $(where)
	$(INSTALL) -D -m 644 -t $(rules) install/65-axas.rules
	$(INSTALL) -D -m 644 -t $(sysusers) install/axas.conf

uninstall: ## remove what install has installed, with the same DESTDIR and PREFIX
	$(MAKE) -C tools uninstall $(where)
	rm -f $(rules)/65-axas.rules $(sysusers)/axas.conf
	rm -f $(addprefix $(DESTDIR)/lib/modules/$(release)/,updates/axas.ko* extra/axas.ko*)
	$(if $(DESTDIR),,depmod $(release))

dkms-source: ## put the source in DESTDIR/usr/src/axas-VERSION, for dkms
	$(INSTALL) -D -m 644 -t $(dkms) dkms.conf VERSION Kbuild core.mk $(filter-out %.mod.c,$(wildcard *.[ch]))
	$(INSTALL) -D -m 644 -t $(dkms)/include/axas include/axas/*.h
	$(INSTALL) -D -m 644 -t $(dkms)/probe probe/*.[ch]
	$(INSTALL) -D -m 644 -t $(dkms)/include/uapi/linux include/uapi/linux/axas.h

shell: ## a shell in a guest with the module loaded, on this terminal
	@scripts/try.sh

demo: ## see it work: boot the distribution's kernel in QEMU and replay a trace
	@scripts/demo.sh

demo-guest: ## see guests run on spaces: one that is built in, and Linux, in QEMU
	@scripts/demo-guest.sh

check: ## run what every change has to pass; a part of it by its name (WHAT=kunit)
	@scripts/check.sh $(or $(WHAT),check)

check-all: ## run all tests, but for those that only go by their name
	@scripts/check.sh all

fuzz: ## use all of the interface at random (TIME=600, SEED=, KERNEL=distro, ARGS=)
	@AXAS_FUZZ_TIME=$(or $(TIME),600) AXAS_FUZZ_ARGS="$(if $(SEED),--seed $(SEED)) $(ARGS)" \
		scripts/check.sh fuzz-$(or $(KERNEL),distro)

check-hw: ## have CPUs walk the tables, in QEMU and Bochs (SEED=, STEPS=)
	@scripts/check-hw-amd.sh $(if $(SEED),SEED=$(SEED)) $(if $(STEPS),STEPS=$(STEPS))
	@scripts/check-hw-arm64.sh $(if $(SEED),SEED=$(SEED)) $(if $(STEPS),STEPS=$(STEPS))
	@scripts/check-hw-x86.sh $(if $(SEED),SEED=$(SEED)) $(if $(STEPS),STEPS=$(STEPS))

litmus: ## run the litmus tests of the lock-free protocols on this machine
	@scripts/check-litmus.sh

coverage: ## which lines of the module KUnit and the self-tests run
	@scripts/coverage.sh

bench: ## measure axas and its peers; QUICK=1 for a first look
	@scripts/bench.sh $(if $(QUICK),QUICK=$(QUICK))

paper: ## a table and figures of programs' traces (PROGRAMS=, TRACES=, POLICIES=, FORMATS=)
	@scripts/paper.sh

lint: ## compile for every kernel with W=1 and sparse; checkpatch, kernel-doc
	@scripts/lint.sh

docs: ## build the documentation as HTML into build/docs
	@scripts/docs.sh

clean: ## remove what was built here (built kernels stay in the cache)
	rm -rf build
	@for d in tools selftests; do \
		[ ! -e $$d/Makefile ] || $(MAKE) -C $$d clean || exit; done
	find . -path ./.git -prune -o -type f \( -name '*.o' -o -name '*.ko' \
		-o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' -o -name '*.symvers' \
		-o -name 'modules.order' -o -name '.*.d' \) -print0 | xargs -0 -r rm -f

help: ## list the targets
	@sed -n 's/^\([a-z_-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

.PHONY: all modules no-modules modules_install tools install install-user uninstall \
	dkms-source shell demo demo-guest check check-all check-hw \
	litmus coverage fuzz bench paper lint docs clean help
