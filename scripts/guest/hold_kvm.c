// SPDX-License-Identifier: GPL-2.0
/*
 * Has a virtual machine for as long as it runs. With the first one the kernel writes an
 * int3 into its scheduler, and with the last one another: an emulated CPU has been seen to
 * go on meeting it for ever after it was gone (QEMU 7.2, more than one CPU).
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0) < 0)
		return 1;
	return pause();
}
