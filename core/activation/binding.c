/* Which host this is, and whether it is the one that was activated (trust.md sections 5 and 11). */
#include "core/activation/internal.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/hardware.h"
#include "core/base/mem.h"

static int read_injected(struct buf *value, uint8_t *source, const struct activation *a, struct muster_err *err)
{
	int r = a->hardware(a->ctx, source, value);

	if (r != MUSTER_OK || value->failed)
		return err_set(err, MUSTER_E_NOT_FOUND, "nothing identifies this host's hardware");
	return MUSTER_OK;
}

int binding_of_this(uint8_t out[BINDING_SIZE], uint8_t *source, const struct activation *a, const uint8_t issuer_id[16], uint32_t wanted, struct muster_err *err)
{
	struct hardware hw;
	struct buf value;
	int r;

	memset(out, 0, BINDING_SIZE);
	buf_init(&value, HARDWARE_VALUE);
	if (a->hardware != NULL) {
		r = read_injected(&value, source, a, err);
	} else if ((r = hardware_find(&hw, "", wanted, err)) == MUSTER_OK) {
		*source = hw.source;
		buf_adds(&value, hw.value);
	}
	if (r == MUSTER_OK && (r = binding_of_host(out, issuer_id, *source, span_of(value.p, value.n))) != MUSTER_OK)
		(void)err_set(err, r, "this host's hardware identity cannot be used");
	buf_fini(&value);
	return r;
}

int binding_is_here(bool *out, const struct activation *a, const uint8_t issuer_id[16], const uint8_t binding[BINDING_SIZE], struct muster_err *err)
{
	uint8_t now[BINDING_SIZE], source = 0;
	int r = MUSTER_OK;

	*out = false;
	for (uint32_t wanted = HARDWARE_DMI; !*out && wanted <= HARDWARE_MACHINE_ID; wanted++)
		if ((r = binding_of_this(now, &source, a, issuer_id, wanted, err)) == MUSTER_OK)   /* another source when it cannot be read: compared all the same */
			*out = memcmp(now, binding, BINDING_SIZE) == 0;
		else
			return r;
	return MUSTER_OK;
}

/* Compared at the source with which it was activated: when that cannot be read any more, it cannot be shown to be the same host. */
static bool moved(const struct activation *a, const struct held_key *k)
{
	uint8_t now[BINDING_SIZE], source = 0;
	struct muster_err err = { 0 };
	int r = binding_of_this(now, &source, a, k->issuer_id, k->source, &err);

	if (r == MUSTER_OK && source == k->source && memcmp(now, k->binding, BINDING_SIZE) == 0)
		return false;
	if (r != MUSTER_OK)
		activation_say(a, 3, "activation-moved", "key %s: %s; until that is mended nothing is granted with it (0xC004F00F)", k->partial, err.message);
	else
		activation_say(a, 3, "activation-moved", "key %s was activated on other hardware (identity then from the %s, now from the %s): nothing is granted with it "
		               "(0xC004F00F) until this host is activated anew", k->partial, hardware_source_name(k->source), hardware_source_name(source));
	return true;
}

int binding_check(struct activation *a, struct muster_err *err)
{
	struct moved_list *list = mem_alloc(sizeof *list);
	size_t room = 0;

	for (size_t i = 0; i < a->key_count; i++)
		room += a->keys[i].product_count;
	if (list == NULL || (list->products = mem_array(room + 1, 16)) == NULL) {
		mem_free(list);
		return err_nomem(err);
	}
	for (size_t i = 0; i < a->key_count; i++) {
		const struct held_key *k = &a->keys[i];

		if (!key_activates_host(k->kind) || k->activated_at == 0 || !moved(a, k))
			continue;
		memcpy(list->products + list->n, k->products, k->product_count * 16);
		list->n += k->product_count;
	}
	list->older = atomic_load(&a->moved);   /* readers may still be in it */
	atomic_store(&a->moved, list);
	return MUSTER_OK;
}

bool activation_moved(const struct activation *a, const uint8_t product[16])
{
	const struct moved_list *list = a != NULL ? atomic_load(&a->moved) : NULL;

	for (size_t i = 0; list != NULL && i < list->n; i++)
		if (memcmp(list->products[i], product, 16) == 0)
			return true;
	return false;
}
