#include "core/bench/load_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/bench/population.h"

void load_text_init(struct load_text *t, uint16_t port, uint64_t seed, const char *activation_id, bool per_request)
{
	memset(t, 0, sizeof *t);
	t->seed = seed;
	t->head_n = (size_t)snprintf(t->head, sizeof t->head, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: muster-bench\r\nAccept: application/json\r\n"
	                             "Content-Type: application/json\r\nContent-Length: ", activation_id != NULL ? "/v1/activate" : "/", (unsigned)port);
	(void)snprintf(t->close, sizeof t->close, "%s\r\n\r\n", per_request ? "\r\nConnection: close" : "");
	t->begin_n = (size_t)snprintf(t->begin, sizeof t->begin, "{\"activation_id\":\"%s\",\"client_id\":\"", activation_id != NULL ? activation_id : "");
	MUSTER_ASSERT(t->head_n < sizeof t->head && t->begin_n < sizeof t->begin);
}

void load_text_time(struct load_text *t, const struct clock *clock)
{
	int64_t now = clock_wall_ms(clock);

	if (now / 1000 == t->second)
		return;
	t->second = now / 1000;
	time_rfc3339(t->time, now);
}

static char *put(char *p, const char *text, size_t n)
{
	memcpy(p, text, n);
	return p + n;
}
#define PUT(p, text) put((p), (text), sizeof(text) - 1)

/* Head, then the body, whose length is known only now. */
static size_t join(const struct load_text *t, char *out, const char *body, size_t n)
{
	char length[12];
	char *p = put(out, t->head, t->head_n);

	p = put(p, length, (size_t)snprintf(length, sizeof length, "%zu", n));
	p = put(p, t->close, strlen(t->close));
	p = put(p, body, n);
	return (size_t)(p - out);
}

size_t load_text_activate(const struct load_text *t, char out[LOAD_REQUEST_MAX], uint64_t number, uint32_t ask, const char *lease, size_t lease_n)
{
	char body[LOAD_REQUEST_MAX - 512], name[40], *p = body;
	uint8_t bytes[32];

	MUSTER_ASSERT(lease_n < sizeof body - 1024);
	p = put(p, t->begin, t->begin_n);
	population_client(bytes, t->seed, number);
	uuid_format(p, bytes);
	p = PUT(p + UUID_TEXT - 1, "\",\"machine\":{\"name\":\"");
	population_name(name, number);
	p = put(p, name, strlen(name));
	p = PUT(p, "\",\"hardware_id\":\"");
	population_hardware(bytes, t->seed, number);
	hex_encode(p, bytes, sizeof bytes);
	p = PUT(p + 2 * sizeof bytes, "\",\"virtual\":false,\"os\":\"linux\"},\"license_status\":2,\"minutes_left\":43200,\"time\":\"");
	p = put(p, t->time, strlen(t->time));
	p = PUT(p, "\",\"nonce\":\"");
	population_nonce(bytes, t->seed, number, ask);
	p += b64_encode(p, bytes, 16);
	p = PUT(p, "\",\"release_hash\":\"");
	population_hardware(bytes, ~t->seed, number);
	p += b64_encode(p, bytes, sizeof bytes);
	if (lease != NULL) {
		p = PUT(p, "\",\"lease\":\"");
		p = put(p, lease, lease_n);
	}
	p = PUT(p, "\"}");
	return join(t, out, body, (size_t)(p - body));
}

size_t load_text_plain(const struct load_text *t, char out[LOAD_REQUEST_MAX])
{
	char body[480];

	memset(body, 'x', sizeof body);
	return join(t, out, body, sizeof body);
}

static const char *member(const char *body, const char *name, size_t *n)
{
	const char *p = strstr(body, name), *end;

	if (p == NULL)
		return NULL;
	p += strlen(name);
	if ((end = strchr(p, '"')) == NULL)
		return NULL;
	*n = (size_t)(end - p);
	return p;
}

enum load_read load_answer_read(struct load_answer *out, const char *in, size_t n)
{
	static const char version[] = "HTTP/1.1 ", length[] = "\r\nContent-Length: ", ends[] = "\r\nConnection: close";
	const char *end, *field;
	unsigned long long body;

	memset(out, 0, sizeof *out);
	if ((end = strstr(in, "\r\n\r\n")) == NULL)
		return LOAD_READ_MORE;
	out->status = (unsigned)strtoul(in + sizeof version - 1, NULL, 10);
	field = strstr(in, length);
	if (strncmp(in, version, sizeof version - 1) != 0 || out->status < 100 || out->status > 599 || field == NULL || field > end)
		return LOAD_READ_BAD;
	body = strtoull(field + sizeof length - 1, NULL, 10);
	end += 4;
	if (body > n || (size_t)(end - in) + body > n)
		return body < LOAD_ANSWER_MAX ? LOAD_READ_MORE : LOAD_READ_BAD;
	if ((size_t)(end - in) + body < n)
		return LOAD_READ_BAD;   /* more than was asked for */
	field = strstr(in, ends);
	out->closes = field != NULL && field < end;
	if (out->status == 200)
		out->lease = member(end, "\"lease\":\"", &out->lease_n);
	else if ((out->code = member(end, "\"code\":\"", &out->code_n)) != NULL && out->code_n > 15)
		out->code = NULL;
	return LOAD_READ_ALL;
}
