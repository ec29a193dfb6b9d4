// SPDX-License-Identifier: GPL-2.0
/*
 * live - tests of axas-replay's policies: what their papers claim of them, beside
 * each other over the same trace.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live.h"

#define PAGE	(4 * K)
#define PIECE	(2 * M)

/* What axas-replay says of a run. */
struct figures {
	unsigned long long walks, pages, large;
};

/* One in quotes may have commas. */
static char *next_value(char **at)
{
	char *value = *at;

	if (value && *value == '"') {
		strsep(at, "\"");
		value = strsep(at, "\"");
		strsep(at, ",\n");
		return value;
	}
	return strsep(at, ",\n");
}

static unsigned long long column(FILE *csv, const char *wanted)
{
	char names[8192], values[8192], *name, *value, *n = names, *v = values;

	rewind(csv);
	if (!fgets(names, sizeof(names), csv) ||
	    !fgets(values, sizeof(values), csv))
		return -1ULL;
	while ((name = strsep(&n, ",\n")) && (value = next_value(&v)))
		if (!strcmp(name, wanted))
			return strtoull(value, NULL, 10);
	return -1ULL;
}

static struct figures replay(const char *options)
{
	struct figures f = { 0 };
	FILE *csv;

	EXPECT(runs("axas-replay --csv --no-data %s /tmp/trace >/tmp/csv",
		    options));
	csv = fopen("/tmp/csv", "r");
	if (!csv)
		return f;
	f.walks = column(csv, "walks");
	f.pages = column(csv, "resident") / PAGE;
	f.large = column(csv, "leaves_2M");
	EXPECT(column(csv, "ok") == 1);
	fclose(csv);
	return f;
}

static struct figures policy(const char *name)
{
	char options[64];

	snprintf(options, sizeof(options), "--policy %s", name);
	return replay(options);
}

static void touch_pages(FILE *trace, uint64_t gpa, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		fprintf(trace, " S %llx,8\n", (unsigned long long)gpa + i * PAGE);
}

/* Of four pieces, 512, 480, 100 and 10 pages are in use, over and over. */
void test_replay_policies(void)
{
	static const unsigned int used[] = { 512, 480, 100, 10 };
	struct figures base, reservation, ingens, quicksilver, thp, hint;
	FILE *trace = fopen("/tmp/trace", "w");
	unsigned int i, n;

	for (n = 0; n < 20; n++)
		for (i = 0; i < ARRAY_SIZE(used); i++)
			touch_pages(trace, G + i * PIECE, used[i]);
	fclose(trace);
	base = policy("base");
	reservation = policy("reservation");
	ingens = policy("ingens");
	quicksilver = policy("quicksilver");
	thp = policy("thp");
	hint = replay("--policy hint --hint 0x40200000,0x1000 --hint 0x40600000,0x200000");

	EXPECT(base.large == 0 && base.pages == 1102);
	/* Navarro et al.: no memory but what is used. */
	EXPECT(reservation.large == 1 && reservation.pages == base.pages);
	EXPECT(reservation.walks < base.walks);
	/* Kwon et al.: a tenth more than is used at most, and fewer misses. */
	EXPECT(ingens.large == 2 && ingens.pages == 1102 + 32);
	EXPECT(ingens.walks < reservation.walks);
	/* Zhu et al.: earlier than Ingens, and still nothing where hardly any is. */
	EXPECT(quicksilver.large == 3 && quicksilver.pages == 3 * 512 + 10);
	EXPECT(quicksilver.walks < ingens.walks);
	/* Arcangeli: the fewest misses, and whatever memory that takes. */
	EXPECT(thp.large == 4 && thp.pages == 4 * 512);
	EXPECT(thp.walks < quicksilver.walks && thp.walks == 4);
	/* ... but by madvise where that was asked for only. */
	EXPECT(hint.large == 2 && hint.pages == 512 + 512 + 512 + 100);
	EXPECT(hint.walks > thp.walks && hint.walks < base.walks);
}

/*
 * Panwar et al.: what is used most comes first, not what was there first. Of three pieces
 * that are as full, all accesses go to the last.
 */
void test_replay_hawkeye(void)
{
	FILE *trace = fopen("/tmp/trace", "w");
	struct figures base, hawkeye;
	unsigned int i;

	for (i = 0; i < 3; i++)
		touch_pages(trace, G + i * PIECE, 512);
	/* More than one period, and less than two */
	for (i = 0; i < 200; i++)
		touch_pages(trace, G + 2 * PIECE, 512);
	fclose(trace);
	base = policy("base");
	hawkeye = policy("hawkeye");
	EXPECT(base.walks == 203 * 512);
	EXPECT(hawkeye.large == 1 && hawkeye.pages == base.pages);
	EXPECT(hawkeye.walks < base.walks * 2 / 3);
	/* Guest paging doesn't change what it sees. */
	hawkeye = replay("--policy hawkeye --guest-paging 4K");
	EXPECT(hawkeye.large == 1);
	hawkeye = replay("--policy hawkeye --threads 2");
	EXPECT(hawkeye.large <= 1);
}

void test_replay_policy_mistakes(void)
{
	EXPECT(runs("axas-replay --policy list | grep -q '^ingens  *Kwon et al.: '"));
	EXPECT(runs("axas-replay --policy x /tmp/trace 2>&1 | grep -q 'no such policy; --policy list has them'"));
	EXPECT(runs("axas-replay --policy thp --leaf 4K /tmp/trace 2>&1 | grep -q \"don't go together\""));
	EXPECT(runs("axas-replay --policy thp --promote 5 /tmp/trace 2>&1 | grep -q 'only one of them'"));
	EXPECT(runs("axas-replay --promote 5 --policy thp /tmp/trace 2>&1 | grep -q 'only one of them'"));
	EXPECT(runs("axas-replay --policy hint /tmp/trace 2>&1 | grep -q 'hint go together'"));
	EXPECT(runs("axas-replay --policy thp --hint 1,1 /tmp/trace 2>&1 | grep -q 'hint go together'"));
	EXPECT(runs("axas-replay --policy hint --hint 5000000,4K /tmp/trace 2>&1 | grep -q 'touches nothing there'"));
}
