/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: a page whose memory has failed. Under the lock.
 */

/* Is the page for gpa at hpa, in a leaf that owns it? */
static bool npt_owns(const struct axas_npt *npt, axas_gpa_t gpa, axas_hpa_t hpa)
{
	struct axas_npt_slot slot;
	struct axas_leaf leaf;
	u64 offset;

	if (!npt_lookup(npt, gpa, &slot, &leaf) || !leaf.attr.owned)
		return false;
	offset = gpa.val & (axas_level_size(leaf.level) - 1);
	return leaf.hpa.val + offset == hpa.val;
}

/* The leaf's reference goes; the allocator keeps what is poisoned to itself. */
static bool npt_poison(struct axas_npt *npt, axas_gpa_t gpa, axas_hpa_t hpa)
{
	struct axas_npt_pool none = {};
	struct npt_change change = {
		.npt = npt,
		.pool = &none,
		.start = gpa.val,
		.end = gpa.val + SZ_4K,
	};
	unsigned int level;
	u64 *ptr;

	lockdep_assert_held(npt->lock);
	if (!npt_owns(npt, gpa, hpa))
		return false;
	ptr = npt_descend(&change, gpa.val, &level);
	/* Nobody else writes a leaf but the CPU, its flags. */
	WRITE_ONCE(*ptr, AXAS_NPT_POISONED);
	npt_count_leaves(npt, 1, -1, -1);
	npt_gather_pages(npt, hpa, 1, change.start, change.end);
	npt_gather_flush(npt);
	return true;
}
