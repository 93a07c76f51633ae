/* An application compiled with the first client.h, linked with today's libmuster: shorter structures are filled as far as they go. Prints TAP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <muster/client.h>

static const char product[] = "2e28138a-847f-42bc-9752-61b03fff33cd";
static int number, failed;

static void result(int ok, const char *text)
{
	if (!ok)
		failed = 1;
	printf("%sok %d - %s\n", ok ? "" : "not ", ++number, text);
}

static int count(void *ctx, const char *activation_id)
{
	*(int *)ctx += strcmp(activation_id, product) == 0;
	return 0;
}

static void use(struct muster_client *c, const char *issuer)
{
	struct { struct muster_answer a; char after[64]; } answer;
	struct { struct muster_status s; char after[64]; } status;
	char untouched[64], id[37];
	struct muster_err err;
	int n = 0;

	memset(untouched, 0x55, sizeof untouched);
	memset(&answer, 0x55, sizeof answer);
	memset(&status, 0x55, sizeof status);
	answer.a.size = sizeof answer.a;
	status.s.size = sizeof status.s;
	/* the root is none, and said to be none; nothing else is known without it */
	result(muster_client_status(c, product, &status.s, &err) == MUSTER_E_INVALID && strstr(err.message, issuer) != NULL, "status");
	result(muster_client_activate(c, product, &answer.a, &err) == MUSTER_E_INVALID, "activate");
	result(memcmp(answer.after, untouched, sizeof untouched) == 0 && memcmp(status.after, untouched, sizeof untouched) == 0, "nothing behind a structure is written");
	result(muster_client_find(c, product, id, &err) == MUSTER_OK && strcmp(id, product) == 0, "find");
	result(muster_client_set_hosts(c, "localhost:1", &err) == MUSTER_OK, "set_hosts");
	result(muster_client_each(c, count, &n) == 0 && n == 0, "each");
	result(muster_client_rearm(c, &err) == MUSTER_OK && strlen(muster_client_id(c)) == 36, "rearm");
}

int main(void)
{
	char dir[] = "/tmp/muster-test-XXXXXX", state[64], issuer[64], command[128];
	struct { struct muster_client_options o; const char *after; } options = { .after = "/not/read" };
	struct muster_claims claims = { .size = sizeof claims };
	struct muster_client *c;
	struct muster_err err;
	FILE *f;

	puts("1..10");
	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(state, sizeof state, "%s/state", dir);
	(void)snprintf(issuer, sizeof issuer, "%s/issuer.pem", dir);
	if ((f = fopen(issuer, "w")) == NULL || fclose(f) != 0)
		return 1;
	options.o = (struct muster_client_options) { .size = sizeof options.o, .state = state, .issuer = issuer, .hardware = "x", .name = "pc", .timeout_ms = 1000 };
	result(muster_client_open(&c, &options.o, &err) == MUSTER_OK, "open");
	if (c == NULL)
		return 1;
	use(c, issuer);
	muster_client_free(c);
	result(muster_lease_verify(&claims, (struct muster_span) { NULL, 0 }, (struct muster_span) { NULL, 0 }, (struct muster_span) { NULL, 0 }, NULL, NULL, NULL, 0, &err) ==
	       MUSTER_E_INVALID, "lease_verify");
	result(strlen(muster_version()) > 0, "version");
	(void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
	return system(command) != 0 || failed;
}
