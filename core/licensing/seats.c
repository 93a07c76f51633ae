#include "core/licensing/seats.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/base/mem.h"

#define SERVED_MS 5000        /* longer than any commit */
#define RETRY_STEP 30U        /* s a place: the first asks often, so that a freed seat is not idle for long … */
#define RETRY_NEAR 120U
#define QUESTIONS_A_SECOND 50U /* … and a long queue asks no more often than this in all */

static int64_t lease_end(int64_t now, uint32_t lease_s)
{
	int64_t end = now + (int64_t)lease_s * 1000;

	return end - end % 1000;   /* a lease says seconds, and must not outlive its seat */
}

static void extend(struct seats_verdict *out, const struct seats_input *in, bool over)
{
	int64_t end = lease_end(in->now, in->lease_s);

	/* An earlier lease, given when they were longer, still lives. */
	if (in->held == SEATS_OUT && !in->grace && in->until > end)
		end = in->until;
	out->code = CODE_OK;
	out->change = SEATS_PUT;
	out->over = over;
	out->fresh = over && !(in->held == SEATS_OUT && in->over);
	out->until = end;
}

void seats_decide(struct seats_verdict *out, const struct seats_input *in)
{
	uint64_t free = in->seats > in->out ? in->seats - in->out : 0;
	int64_t grace_end = in->grace ? in->until : in->until + (int64_t)in->grace_s * 1000;
	bool live = in->held != SEATS_NONE && in->until > in->now && !in->grace;   /* its lease is */
	bool mine = live || (in->held == SEATS_OUT && grace_end > in->now);

	*out = (struct seats_verdict){ .code = (uint32_t)CODE_M_SEATS, .change = in->held != SEATS_NONE && !mine ? SEATS_DROP : SEATS_LEAVE };
	if (mine && in->held == SEATS_ENDING) {
		out->code = (uint32_t)CODE_M_TAKEN_BACK;
		out->until = in->until;
	} else if (live && in->other_hardware) {
		out->code = (uint32_t)CODE_M_DUPLICATE;
	} else if (mine && in->within < in->seats) {
		extend(out, in, false);
	} else if (mine && in->advise) {
		extend(out, in, true);
	} else if (!mine && free > in->ahead && free - in->ahead > in->kept) {
		extend(out, in, false);
	} else if (!mine && in->advise) {
		extend(out, in, true);
	} else if (!mine && free > in->ahead) {
		out->code = (uint32_t)CODE_M_RESERVED;
	}
}

enum seats_change seats_settle(enum seats_held held, bool *grace, int64_t *until, uint32_t grace_s, int64_t now)
{
	if (*until > now)
		return SEATS_LEAVE;
	if (held != SEATS_OUT || *grace || *until + (int64_t)grace_s * 1000 <= now)
		return SEATS_DROP;
	*grace = true;
	*until += (int64_t)grace_s * 1000;
	return SEATS_PUT;
}

/* ---- the queue ---- */

struct place {
	uint8_t client[16];
	int64_t asked, dies;     /* ms */
	int64_t served;          /* ms; 0: waits */
	uint64_t kept;           /* for others, when it asked last */
};

/* In order of arrival. Few hundred at most; who asks is looked for one by one. */
struct seats_queue { struct place *places; size_t n, room; };

struct seats_queue *seats_queue_new(void)
{
	return mem_alloc(sizeof(struct seats_queue));
}

void seats_queue_free(struct seats_queue *q)
{
	if (q == NULL)
		return;
	mem_free(q->places);
	mem_free(q);
}

void seats_queue_age(struct seats_queue *q, int64_t now)
{
	size_t to = 0;

	for (size_t i = 0; i < q->n; i++) {
		const struct place *p = &q->places[i];

		if (p->dies <= now || (p->served != 0 && p->served + SERVED_MS <= now))
			continue;
		if (to != i)
			q->places[to] = q->places[i];
		to++;
	}
	q->n = to;
}

static struct place *place_of(const struct seats_queue *q, const uint8_t client[16])
{
	for (size_t i = 0; i < q->n; i++)
		if (memcmp(q->places[i].client, client, 16) == 0)
			return &q->places[i];
	return NULL;
}

bool seats_queue_has(const struct seats_queue *q, const uint8_t client[16])
{
	return place_of(q, client) != NULL;
}

uint64_t seats_queue_ahead(const struct seats_queue *q, const uint8_t client[16], uint64_t free)
{
	uint64_t taken = 0;

	for (size_t i = 0; i < q->n && taken < free; i++) {
		const struct place *p = &q->places[i];

		if (p->served != 0)
			continue;
		if (memcmp(p->client, client, 16) == 0)
			break;
		if (free - taken > p->kept)
			taken++;   /* else what is free is not for this one, and it keeps nobody from it */
	}
	return taken;
}

static uint32_t retry_of(uint32_t position, uint32_t waiting)
{
	uint32_t s = position < RETRY_NEAR / RETRY_STEP ? position * RETRY_STEP : RETRY_NEAR;

	if (s < waiting / QUESTIONS_A_SECOND)
		s = waiting / QUESTIONS_A_SECOND;
	if (s < SEATS_RETRY_MIN)
		s = SEATS_RETRY_MIN;
	return s > SEATS_RETRY_MAX ? SEATS_RETRY_MAX : s;
}

static uint32_t position_of(const struct seats_queue *q, const struct place *p)
{
	uint32_t position = 1;

	for (const struct place *i = q->places; i < p; i++)
		position += i->served == 0;
	return position;
}

static struct place *place_add(struct seats_queue *q, const uint8_t client[16])
{
	struct place *p;

	if (q->n == q->room) {
		size_t room = q->room == 0 ? 16 : q->room * 2;
		void *grown = mem_grow(q->places, room, sizeof *q->places);

		if (grown == NULL)
			return NULL;
		q->places = grown;
		q->room = room;
	}
	p = &q->places[q->n++];
	memset(p, 0, sizeof *p);
	memcpy(p->client, client, 16);
	return p;
}

uint32_t seats_queue_wait(struct seats_queue *q, const uint8_t client[16], uint64_t kept, uint32_t max, int64_t now, uint32_t *retry_s)
{
	struct place *p = place_of(q, client);
	uint32_t position;

	*retry_s = SEATS_RETRY_MIN;
	if (p != NULL && p->served != 0) {
		seats_queue_leave(q, client);   /* it had its seat: this is another wait */
		p = NULL;
	}
	if (p == NULL && (seats_queue_count(q) >= max || (p = place_add(q, client)) == NULL))
		return 0;
	position = position_of(q, p);
	*retry_s = retry_of(position, seats_queue_count(q));
	p->asked = now;
	p->dies = now + (int64_t)*retry_s * SEATS_KEEP * 1000;
	p->kept = kept;
	return position;
}

void seats_queue_leave(struct seats_queue *q, const uint8_t client[16])
{
	struct place *p = place_of(q, client);

	if (p == NULL)
		return;
	memmove(p, p + 1, (size_t)(q->places + q->n - (p + 1)) * sizeof *p);
	q->n--;
}

void seats_queue_served(struct seats_queue *q, const uint8_t client[16], int64_t now)
{
	struct place *p = place_of(q, client);

	if (p != NULL && p->served == 0)
		p->served = now;
}

void seats_queue_restore(struct seats_queue *q)
{
	for (size_t i = 0; i < q->n; i++)
		q->places[i].served = 0;
}

uint32_t seats_queue_count(const struct seats_queue *q)
{
	uint32_t n = 0;

	for (size_t i = 0; i < q->n; i++)
		n += q->places[i].served == 0;
	return n;
}

void seats_queue_each(const struct seats_queue *q, void (*fn)(void *ctx, uint32_t position, const uint8_t client[16], int64_t asked), void *ctx)
{
	uint32_t position = 0;

	for (size_t i = 0; i < q->n; i++)
		if (q->places[i].served == 0)
			fn(ctx, ++position, q->places[i].client, q->places[i].asked);
}
