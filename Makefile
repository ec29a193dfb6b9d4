# SPDX-License-Identifier: GPL-2.0
#
# The front door: `make help` lists what there is.  What Kbuild compiles stands
# in Kbuild; kernels for the tests are built and cached by scripts/.

KDIR ?= /lib/modules/$(shell uname -r)/build
ARCH ?= x86_64

# The kernel's own ARCH, for a module built in place
KBUILD_ARGS = CONFIG_AXAS=m

all: modules tools ## build the module for the running kernel, and the tools

modules: ## build the module in place against KDIR (the running kernel's headers)
	@test -r $(KDIR)/Makefile || { \
		echo "make: no kernel headers at $(KDIR)." >&2; \
		echo "make: install linux-headers-$$(uname -r), or give KDIR=<kernel build directory>;" >&2; \
		echo "make: 'make demo' and 'make check' fetch what they need themselves." >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(KBUILD_ARGS) modules

modules_install: ## install the module for the kernel of KDIR
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(KBUILD_ARGS) modules_install

tools: ## build the user-space tools
	$(MAKE) -C tools

demo: ## see it work: boot the distribution's kernel in QEMU and replay a trace
	@scripts/demo.sh

check: ## run every test: KUnit, self-tests, replay, walks by CPUs (QEMU, Bochs)
	@scripts/check.sh all

check-kunit: ## run KUnit only (ARCH=x86_64 or arm64)
	@scripts/check.sh kunit-$(ARCH)

check-selftests: ## run the self-tests only, on all kernels
	@scripts/check.sh selftests

check-replay: ## run the replay only
	@scripts/check.sh replay

check-hw: ## have CPUs walk the tables, in QEMU and Bochs (SEED=, STEPS=)
	@scripts/check-hw-arm64.sh $(if $(SEED),SEED=$(SEED)) $(if $(STEPS),STEPS=$(STEPS))
	@scripts/check-hw-x86.sh $(if $(SEED),SEED=$(SEED)) $(if $(STEPS),STEPS=$(STEPS))

bench: ## measure axas and its peers; QUICK=1 for a first look
	@scripts/bench.sh $(if $(QUICK),QUICK=$(QUICK))

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

.PHONY: all modules modules_install tools demo check check-kunit check-selftests \
	check-replay check-hw bench lint docs clean help
