// SPDX-License-Identifier: GPL-2.0
/*
 * Formats and backends that other modules bring.
 *
 * A space pins the module of its format, an area that of its backend. What runs
 * under RCU may still be in the module's code when the last of them has gone, so
 * unregistering waits for it.
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>

#include <axas/backend.h>
#include <axas/npt.h>

#define REGISTER_FIRST	16
#define REGISTER_NR	16

static_assert(REGISTER_FIRST == AXAS_FORMAT_MODULE);
static_assert(REGISTER_FIRST == AXAS_BACKEND_MODULE);

struct register_entry {
	const void *ops;
	struct module *owner;
};

static DEFINE_MUTEX(register_lock);
static struct register_entry formats[REGISTER_NR];
static struct register_entry backends[REGISTER_NR];

static bool register_is_number(u32 number)
{
	return number >= REGISTER_FIRST && number < REGISTER_FIRST + REGISTER_NR;
}

static struct register_entry *register_entry(struct register_entry *table,
					     u32 number)
{
	return &table[array_index_nospec(number - REGISTER_FIRST, REGISTER_NR)];
}

static const void *register_get(struct register_entry *table, u32 number)
{
	struct register_entry *entry = register_entry(table, number);

	guard(mutex)(&register_lock);
	return entry->ops && try_module_get(entry->owner) ? entry->ops : NULL;
}

static int register_add(struct register_entry *table, u32 number,
			const void *ops, struct module *owner)
{
	struct register_entry *entry;

	if (!register_is_number(number))
		return -EINVAL;
	entry = register_entry(table, number);
	guard(mutex)(&register_lock);
	if (entry->ops)
		return -EBUSY;
	*entry = (struct register_entry){ ops, owner };
	return 0;
}

static void register_del(struct register_entry *table, u32 number)
{
	mutex_lock(&register_lock);
	*register_entry(table, number) = (struct register_entry){};
	mutex_unlock(&register_lock);
	/* Faults that have found the backend's area, and walks of the table. */
	synchronize_rcu();
	/* The format's code frees the tables that its spaces have left. */
	rcu_barrier();
}

/**
 * axas_format_get - find a format and keep its module
 * @format: an &enum axas_format, or the number of a registered one
 *
 * Context: may sleep.
 * Return: its operations, whose owner the caller has to put; NULL if there is
 * no such format.
 */
const struct axas_npt_ops *axas_format_get(u32 format)
{
	return register_is_number(format) ? register_get(formats, format) :
					    axas_npt_format(format);
}

/**
 * axas_format_mask - which formats are there?
 *
 * Context: may sleep.
 * Return: bit n is set for format n.
 */
u32 axas_format_mask(void)
{
	u32 mask = BIT(AXAS_FORMAT_HOST) | BIT(AXAS_FORMAT_EPT) |
		   BIT(AXAS_FORMAT_S2) | BIT(AXAS_FORMAT_AMD);
	int i;

	guard(mutex)(&register_lock);
	for (i = 0; i < REGISTER_NR; i++)
		mask |= formats[i].ops ? BIT(REGISTER_FIRST + i) : 0;
	return mask;
}

/**
 * axas_format_register - from now on spaces can be made in a format
 * @ops: the format, all functions and the owner included
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if the number isn't one for modules; -EBUSY if it is taken.
 */
int axas_format_register(const struct axas_npt_ops *ops)
{
	return register_add(formats, ops->format, ops, ops->owner);
}
EXPORT_SYMBOL_GPL(axas_format_register);

/**
 * axas_format_unregister - take a format back
 * @ops: what was registered. No space uses it: to call this in the owner's exit
 *	function is enough.
 *
 * Context: may sleep.
 */
void axas_format_unregister(const struct axas_npt_ops *ops)
{
	register_del(formats, ops->format);
}
EXPORT_SYMBOL_GPL(axas_format_unregister);

/**
 * axas_backend_get - find a backend and keep its module
 * @id: an &enum axas_backend_id, or the number of a registered one
 *
 * Context: may sleep.
 * Return: the backend, whose owner the caller has to put; NULL if there is none.
 */
const struct axas_backend_ops *axas_backend_get(u32 id)
{
	return register_is_number(id) ? register_get(backends, id) :
					axas_backend(id);
}

/**
 * axas_backend_register - from now on areas can be made with a backend
 * @ops: the backend, all functions and the owner included
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if the number isn't one for modules; -EBUSY if it is taken.
 */
int axas_backend_register(const struct axas_backend_ops *ops)
{
	return register_add(backends, ops->id, ops, ops->owner);
}
EXPORT_SYMBOL_GPL(axas_backend_register);

/**
 * axas_backend_unregister - take a backend back
 * @ops: what was registered. No area uses it: to call this in the owner's exit
 *	function is enough.
 *
 * Context: may sleep.
 */
void axas_backend_unregister(const struct axas_backend_ops *ops)
{
	register_del(backends, ops->id);
}
EXPORT_SYMBOL_GPL(axas_backend_unregister);
