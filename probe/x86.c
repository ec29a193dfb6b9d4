// SPDX-License-Identifier: GPL-2.0
/*
 * Probes on x86: by VMX or by SVM, whichever walks tables of the format.
 */
#include "x86.h"

/**
 * axas_npt_probe - let this CPU walk a table
 * @npt: the table
 * @gpa: any alignment
 * @access: exactly one &enum axas_prot bit
 * @result: out: what the CPU said
 *
 * Context: may sleep.
 * Return: as axas_vmx_probe() and axas_svm_probe(); -EOPNOTSUPP for formats that
 * no x86 CPU walks.
 */
int axas_npt_probe(const struct axas_npt *npt, axas_gpa_t gpa,
		   unsigned int access, struct axas_probe_result *result)
{
	*result = (struct axas_probe_result){
		.hpa = AXAS_NO_FRAME,
		.memtype = AXAS_PROBE_UNKNOWN,
	};
	/* The guest's own tables hold no wider ones. */
	if (gpa.val & ~(GPT_ADDR | ~PAGE_MASK))
		return -EOPNOTSUPP;
	switch (npt->ops->format) {
	case AXAS_FORMAT_EPT:
		return axas_vmx_probe(npt, gpa, access, result);
	case AXAS_FORMAT_AMD:
		return axas_svm_probe(npt, gpa, access, result);
	default:
		return -EOPNOTSUPP;
	}
}

/**
 * axas_npt_probe_forget - make this machine's CPUs forget a table
 * @npt: the table
 * @gpa: not looked at: neither has a way to forget a GPA
 * @size: not looked at
 *
 * Context: may sleep.
 */
void axas_npt_probe_forget(const struct axas_npt *npt, axas_gpa_t gpa, u64 size)
{
	if (npt->ops->format == AXAS_FORMAT_EPT)
		axas_vmx_probe_forget(npt);
	else if (npt->ops->format == AXAS_FORMAT_AMD)
		axas_svm_probe_forget(npt);
}
