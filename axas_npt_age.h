/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: where a table notices what is used. A leaf is *used* if its
 * accessed flag is set, and *idle* if not. A link is idle if nothing below is used.
 * Documentation/internals.rst has the rules; lists are made in axas_npt_harvest.h.
 */

#ifndef FMT_ACCESSED
#define FMT_ACCESSED	0
#define FMT_LINK_ACCESSED	0
#define FMT_AGE_WAY(npt)	((void)(npt), AXAS_NPT_WAY_NONE)
#define FMT_LINKS_AGE(npt)	((void)(npt), false)
#endif

/* The flag of an entry that is present. */
static inline u64 npt_used_flag(u64 entry, unsigned int level)
{
	return fmt_is_table(entry, level) ? FMT_LINK_ACCESSED : FMT_ACCESSED;
}

/* Somebody uses it: the way there, from the root on, and then the leaf. */
static int npt_use(struct axas_npt *npt, axas_gpa_t gpa)
{
	u64 *ptr = npt_root_entry(npt, gpa.val), entry = READ_ONCE(*ptr), flag;
	unsigned int level = npt->levels;

	axas_npt_assert_walk(npt);
	for (;;) {
		if (!npt_present(entry))
			return -EAGAIN;
		flag = npt_used_flag(entry, level);
		if (!(entry & flag) && !try_cmpxchg(ptr, &entry, entry | flag))
			continue;
		if (!fmt_is_table(entry, level))
			return 0;
		ptr = npt_entry(npt_child(entry), gpa.val, level - 1);
		entry = READ_ONCE(*ptr);
		level--;
	}
}

static enum axas_npt_way npt_age_way(const struct axas_npt *npt)
{
	return FMT_AGE_WAY(npt);
}

/* A link is idle from now on, or used. The CPU may set flags in it meanwhile. */
static void npt_link_set_used(u64 *ptr, unsigned int level, bool used)
{
	u64 link = READ_ONCE(*ptr), new;

	do {
		if (!fmt_is_table(link, level))
			return;
		new = used ? link | FMT_LINK_ACCESSED :
			     link & ~FMT_LINK_ACCESSED;
	} while (!try_cmpxchg(ptr, &link, new));
}

typedef void (*npt_link_fn)(struct axas_npt *npt, u64 *ptr, unsigned int level);

/* All links that lead into [gpa, end), each before those below. */
static void npt_each_link(struct axas_npt *npt, u64 *ptr, unsigned int level,
			  u64 gpa, u64 end, npt_link_fn change)
{
	u64 next, entry;

	for (; gpa < end; gpa = next, ptr++) {
		next = npt_next(gpa, end, level);
		entry = READ_ONCE(*ptr);
		if (!fmt_is_table(entry, level))
			continue;
		change(npt, ptr, level);
		if (level > 2)
			npt_each_link(npt, npt_entry(npt_child(entry),
						     gpa, level - 1),
				      level - 1, gpa, next, change);
		cond_resched();
	}
}

static void npt_lead_link(struct axas_npt *npt, u64 *ptr, unsigned int level)
{
	npt_link_set_used(ptr, level, true);
}

/* What comes into a range may be used already: so all links there lead to it. */
static void npt_lead(struct axas_npt *npt, axas_gpa_t gpa, u64 size)
{
	lockdep_assert_held(npt->lock);
	npt_each_link(npt, npt_root_entry(npt, gpa.val), npt->levels, gpa.val,
		      gpa.val + size, npt_lead_link);
}
