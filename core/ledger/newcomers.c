/* New client IDs: so many an hour from one address, so many a day in one pool or of one product (trust.md section 10). */
#include "core/ledger/internal.h"

#include <stdio.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)
#define KEY_NEW_CLIENT 1U   /* the windows' table is asked by address alone */

static void say_crowded(struct ledger *l, int64_t boot)
{
	if (l->told_crowded_ms != 0 && boot - l->told_crowded_ms < HOUR_MS)
		return;
	l->told_crowded_ms = boot;
	host_later(l, 4, "limits-crowded", "more addresses than the table of new clients holds report new client IDs this hour; "
	           "the least recent of them start their hour anew");
}

uint32_t *newcomer_look(struct ledger *l, const struct newcomer *n, char *detail, size_t room, uint32_t *retry_after)
{
	bool crowded = false;
	uint32_t *used;
	int64_t left;

	if (n->day->used == 0 || n->boot - n->day->start >= STORE_DAY_MS || n->boot < n->day->start)
		*n->day = (struct new_day){ .start = n->boot };
	used = windows_used(l->new_clients, n->addr, n->addr_len, KEY_NEW_CLIENT, n->boot, HOUR_MS, &crowded);
	if (crowded)
		say_crowded(l, n->boot);
	if (*used >= l->set.new_per_hour) {
		left = windows_left(l->new_clients, n->addr, n->addr_len, KEY_NEW_CLIENT, n->boot, HOUR_MS);
		snprintf(detail, room, "this address has reported %llu new %s within an hour, the most it may ([limits] new_clients_per_hour)",
		         (unsigned long long)l->set.new_per_hour, n->who);
	} else if (n->day->used >= l->set.new_per_day) {
		left = n->day->start + STORE_DAY_MS - n->boot;
		snprintf(detail, room, "%llu new %s were counted %s within a day, the most it takes ([limits] new_clients_per_day)",
		         (unsigned long long)l->set.new_per_day, n->who, n->where);
	} else {
		return used;
	}
	*retry_after = (uint32_t)(left / 1000 + 1);
	return NULL;
}

void newcomer_charge(uint32_t *used, struct new_day *day)
{
	++*used;
	day->used++;
}

void newcomer_return(struct ledger *l, const uint8_t *addr, uint8_t addr_len, struct new_day *day, int64_t boot)
{
	windows_return(l->new_clients, addr, addr_len, KEY_NEW_CLIENT, boot);
	if (day->used > 0)
		day->used--;
}

/* ---- for what is decided elsewhere ---- */

bool ledger_newcomer(struct ledger *l, struct ledger_newcomer *n)
{
	struct newcomer one = { .addr = n->addr, .addr_len = n->addr_len, .who = n->who };
	struct product_slot *p;
	bool admitted = true;
	uint32_t *used;
	char where[80];

	n->charged = false;
	pthread_mutex_lock(&l->lock);
	one.boot = clock_boot_ms(l->clock);
	if ((n->loopback && l->set.loopback == 0) || (p = slot_product(l, n->product)) == NULL || windows_noted(l->met, n->holder, n->product, one.boot))
		goto done;
	snprintf(where, sizeof where, "of %.64s", p->row.name);
	one.where = where;
	one.day = &p->day;
	used = newcomer_look(l, &one, n->detail, sizeof n->detail, &n->retry_after);
	admitted = n->charged = used != NULL;
	if (admitted) {
		newcomer_charge(used, &p->day);
		windows_note(l->met, n->holder, n->product, one.boot, STORE_DAY_MS);
	}
done:
	pthread_mutex_unlock(&l->lock);
	return admitted;
}

void ledger_newcomer_return(struct ledger *l, const struct ledger_newcomer *n)
{
	struct product_slot *p;

	if (!n->charged)
		return;
	pthread_mutex_lock(&l->lock);
	if ((p = slot_product(l, n->product)) != NULL) {
		newcomer_return(l, n->addr, n->addr_len, &p->day, clock_boot_ms(l->clock));
		windows_forget(l->met, n->holder, n->product);
	}
	pthread_mutex_unlock(&l->lock);
}
