/*
 * What core/trust says about keys, digits and slots, for tests/telephone/test_telephone.py: a question a line on standard input, an answer a line on
 * standard output. Fields are separated by tabs; bytes are hexadecimal. Answers: "ok" and values, or "no", the kind of fault and the groups it names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/trust/digits.h"
#include "core/trust/lease.h"
#include "core/trust/server_id.h"
#include "core/trust/slot.h"

#define FIELDS 10
#define LINE_MAX_BYTES 65536

struct fields { char *at[FIELDS]; size_t n; };

static struct muster_err err;

static int no(const char *why)
{
	(void)printf("no\t%s\t0\t0\n", why);
	return 0;
}

static int no_digits(const struct digits_fault *f)
{
	static const char *const words[] = { "right", "foreign", "count", "mistyped", "swapped", "other", "range", "version" };

	(void)printf("no\t%s\t%u\t%u\n", words[f->wrong], f->group, f->other);
	return 0;
}

/* A question that the test should not have asked. */
static int broken(const char *why)
{
	(void)fprintf(stderr, "codes-tool: %s (%s)\n", why, err.message);
	return 1;
}

static bool bytes(uint8_t *out, size_t n, const char *text)
{
	return hex_decode(out, n, text, strlen(text)) == MUSTER_OK;
}

static void put(const uint8_t *p, size_t n, const char *after)
{
	char hex[HEX_SIZE(2 * SLOT_BOX_MAX)];

	hex_encode(hex, p, n);
	(void)printf("%s%s", hex, after);
}

static bool key_of(struct product_key *k, uint8_t prk[PRODUCT_KEY_PRK], const char *issuer, const char *text)
{
	uint8_t id[16];

	return bytes(id, sizeof id, issuer) && product_key_parse(k, text, strlen(text), &err) == MUSTER_OK && product_key_prk(prk, id, k, &err) == MUSTER_OK;
}

/* key TEXT */
static int do_key(const struct fields *f)
{
	struct product_key k;
	char text[PRODUCT_KEY_TEXT], partial[PRODUCT_KEY_PARTIAL];

	if (product_key_parse(&k, f->at[1], strlen(f->at[1]), &err) != MUSTER_OK)
		return no("key");
	product_key_format(text, &k);
	product_key_partial(partial, &k);
	(void)printf("ok\t%c\t%u\t%s\t%s\t", k.kind, (unsigned)k.number, text, partial);
	put(k.secret, sizeof k.secret, "\n");
	return 0;
}

/* mint KIND NUMBER */
static int do_mint(const struct fields *f)
{
	struct product_key k;
	char text[PRODUCT_KEY_TEXT];

	if (product_key_generate(&k, f->at[1][0], (uint32_t)strtoul(f->at[2], NULL, 10), &err) != MUSTER_OK)
		return broken("no key");
	product_key_format(text, &k);
	(void)printf("ok\t%s\n", text);
	return 0;
}

/* derive ISSUER KEY PACK ACTIVATION CLIENT HARDWARE NONCE: verifier, proof key, proof */
static int do_derive(const struct fields *f)
{
	struct product_key k;
	uint8_t prk[PRODUCT_KEY_PRK], pack[16], activation[16], client[16], hw[32], nonce[64], verifier[32], proof_key[32], proof[32];
	size_t n = strlen(f->at[7]) / 2;

	if (!key_of(&k, prk, f->at[1], f->at[2]) || !bytes(pack, 16, f->at[3]) || !bytes(activation, 16, f->at[4]) || !bytes(client, 16, f->at[5]) ||
	    !bytes(hw, 32, f->at[6]) || n > sizeof nonce || !bytes(nonce, n, f->at[7]))
		return broken("derive");
	if (product_key_verifier(verifier, prk, pack, &err) != MUSTER_OK || product_key_proof_key(proof_key, prk, &err) != MUSTER_OK ||
	    product_key_proof(proof, proof_key, activation, client, hw, span_of(nonce, n), &err) != MUSTER_OK)
		return broken("derive");
	(void)fputs("ok\t", stdout);
	put(verifier, 32, "\t");
	put(proof_key, 32, "\t");
	put(proof, 32, "\n");
	return 0;
}

/* machine ISSUER SOURCE VALUE: hardware ID, binding as a host, binding as a machine */
static int do_machine(const struct fields *f)
{
	uint8_t issuer[16], value[256], hw[32], host[BINDING_SIZE], machine[BINDING_SIZE], source = (uint8_t)strtoul(f->at[2], NULL, 10);
	size_t n = strlen(f->at[3]) / 2;

	if (!bytes(issuer, 16, f->at[1]) || n > sizeof value || !bytes(value, n, f->at[3]) || trust_hardware_id(hw, issuer, source, span_of(value, n)) != MUSTER_OK ||
	    binding_of_host(host, issuer, source, span_of(value, n)) != MUSTER_OK || binding_of_machine(machine, issuer, hw) != MUSTER_OK)
		return broken("machine");
	(void)fputs("ok\t", stdout);
	put(hw, 32, "\t");
	put(host, sizeof host, "\t");
	put(machine, sizeof machine, "\n");
	return 0;
}

/* iid ISSUER KEY GENERATION ATTEMPT BINDING */
static int do_iid(const struct fields *f)
{
	struct product_key k;
	struct installation_id id;
	uint8_t prk[PRODUCT_KEY_PRK], binding[BINDING_SIZE];
	char text[INSTALLATION_TEXT];

	if (!key_of(&k, prk, f->at[1], f->at[2]) || !bytes(binding, sizeof binding, f->at[5]) ||
	    installation_id_make(&id, prk, k.number, (uint8_t)strtoul(f->at[3], NULL, 10), (uint8_t)strtoul(f->at[4], NULL, 10), binding, &err) != MUSTER_OK)
		return broken("iid");
	installation_id_format(text, &id, ' ');
	(void)printf("ok\t%s\n", text);
	return 0;
}

/* read-iid ISSUER KEY DIGITS: number, generation, attempt, binding, whether the key is proved */
static int do_read_iid(const struct fields *f)
{
	struct product_key k;
	struct installation_id id;
	struct digits_fault fault;
	uint8_t prk[PRODUCT_KEY_PRK];

	if (!key_of(&k, prk, f->at[1], f->at[2]))
		return broken("read-iid");
	if (installation_id_parse(&id, f->at[3], strlen(f->at[3]), &fault, &err) != MUSTER_OK)
		return no_digits(&fault);
	(void)printf("ok\t%u\t%u\t%u\t", (unsigned)id.number, id.generation, id.attempt);
	put(id.binding, sizeof id.binding, installation_id_proves(&id, prk) ? "\tproves\n" : "\tforeign\n");
	return 0;
}

static bool iid_of(struct installation_id *id, const char *digits)
{
	return installation_id_parse(id, digits, strlen(digits), NULL, &err) == MUSTER_OK;
}

/* cid ISSUER KEY IID SECRET */
static int do_cid(const struct fields *f)
{
	struct product_key k;
	struct installation_id iid;
	struct confirmation_id cid;
	uint8_t prk[PRODUCT_KEY_PRK], secret[SLOT_SECRET];
	char text[CONFIRMATION_TEXT];

	if (!key_of(&k, prk, f->at[1], f->at[2]) || !iid_of(&iid, f->at[3]) || !bytes(secret, sizeof secret, f->at[4]) ||
	    confirmation_id_make(&cid, prk, &iid, secret, &err) != MUSTER_OK)
		return broken("cid");
	confirmation_id_format(text, &cid, ' ');
	(void)printf("ok\t%s\n", text);
	return 0;
}

/* read-cid ISSUER KEY IID CID: the slot secret under this Installation ID */
static int do_read_cid(const struct fields *f)
{
	struct product_key k;
	struct installation_id iid;
	struct confirmation_id cid;
	struct digits_fault fault;
	uint8_t prk[PRODUCT_KEY_PRK], secret[SLOT_SECRET];

	if (!key_of(&k, prk, f->at[1], f->at[2]) || !iid_of(&iid, f->at[3]))
		return broken("read-cid");
	if (confirmation_id_parse(&cid, f->at[4], strlen(f->at[4]), &fault, &err) != MUSTER_OK)
		return no_digits(&fault);
	if (confirmation_id_open(secret, &cid, prk, &iid, &err) != MUSTER_OK)
		return broken("read-cid");
	(void)fputs("ok\t", stdout);
	put(secret, sizeof secret, "\n");
	return 0;
}

/* The slot that fields 3 to 6 name: PACK GENERATION SLOT SECRET. */
static bool slot_of(struct slot_name *name, uint8_t prk[PRODUCT_KEY_PRK], uint8_t secret[SLOT_SECRET], const struct fields *f)
{
	struct product_key k;

	*name = (struct slot_name) { .generation = (uint8_t)strtoul(f->at[4], NULL, 10), .slot = (uint16_t)strtoul(f->at[5], NULL, 10) };
	if (!key_of(&k, prk, f->at[1], f->at[2]) || !bytes(name->pack_id, 16, f->at[3]) || !bytes(secret, SLOT_SECRET, f->at[6]))
		return false;
	name->number = k.number;
	return true;
}

/* seal ISSUER KEY PACK GENERATION SLOT SECRET PKCS8 CERTIFICATE: finder, box */
static int do_seal(const struct fields *f)
{
	struct slot_name name;
	uint8_t prk[PRODUCT_KEY_PRK], secret[SLOT_SECRET], finder[SLOT_FINDER], pkcs8[4096], certificate[4096];
	size_t n = strlen(f->at[7]) / 2, m = strlen(f->at[8]) / 2;
	struct buf box;
	int r;

	buf_init(&box, 2 * SLOT_BOX_MAX);
	if (!slot_of(&name, prk, secret, f) || n > sizeof pkcs8 || m > sizeof certificate || !bytes(pkcs8, n, f->at[7]) || !bytes(certificate, m, f->at[8]) ||
	    slot_finder(finder, &name, secret, prk, &err) != MUSTER_OK ||
	    slot_seal(&box, &name, secret, prk, span_of(pkcs8, n), span_of(certificate, m), &err) != MUSTER_OK) {
		r = broken("seal");
	} else {
		(void)fputs("ok\t", stdout);
		put(finder, sizeof finder, "\t");
		put(box.p, box.n, "\n");
		r = 0;
	}
	buf_fini(&box);
	return r;
}

/* open ISSUER KEY PACK GENERATION SLOT SECRET BOX */
static int do_open(const struct fields *f)
{
	struct slot_name name;
	struct slot_content content;
	uint8_t prk[PRODUCT_KEY_PRK], secret[SLOT_SECRET], box[2 * SLOT_BOX_MAX];
	size_t n = strlen(f->at[7]) / 2;

	if (!slot_of(&name, prk, secret, f) || n > sizeof box || !bytes(box, n, f->at[7]))
		return broken("open");
	if (slot_open(&content, &name, secret, prk, span_of(box, n), &err) != MUSTER_OK)
		return no("box");
	(void)fputs("ok\t", stdout);
	put(content.pkcs8, content.pkcs8_n, "\t");
	put(content.certificate, content.certificate_n, "\n");
	slot_content_fini(&content);
	return 0;
}

/* agreement ISSUER NUMBER PROGRAMME AGREEMENT: the key that follows from them */
static int do_agreement(const struct fields *f)
{
	struct product_key k;
	uint8_t issuer[16];
	char text[PRODUCT_KEY_TEXT];

	if (!bytes(issuer, sizeof issuer, f->at[1]))
		return broken("agreement");
	if (product_key_of_agreement(&k, issuer, (uint32_t)strtoul(f->at[2], NULL, 10), f->at[3], f->at[4], &err) != MUSTER_OK)
		return no("agreement");
	product_key_format(text, &k);
	(void)printf("ok\t%s\n", text);
	return 0;
}

/* foreign ISSUER KEY: number and proof key of a vendor's key */
static int do_foreign(const struct fields *f)
{
	uint8_t issuer[16], proof[32];
	uint32_t number;

	if (!bytes(issuer, sizeof issuer, f->at[1]))
		return broken("foreign");
	if (product_key_foreign_number(&number, issuer, span_str(f->at[2]), &err) != MUSTER_OK || product_key_foreign_proof_key(proof, issuer, span_str(f->at[2]), &err) != MUSTER_OK)
		return no("foreign");
	(void)printf("ok\t%u\t", (unsigned)number);
	put(proof, sizeof proof, "\n");
	return 0;
}

/* server ISSUER KEY GENERATION ATTEMPT BINDING */
static int do_server(const struct fields *f)
{
	struct product_key k;
	struct server_id id;
	uint8_t prk[PRODUCT_KEY_PRK], binding[BINDING_SIZE];
	char text[SERVER_ID_TEXT];

	if (!key_of(&k, prk, f->at[1], f->at[2]) || !bytes(binding, sizeof binding, f->at[5]) ||
	    server_id_make(&id, prk, (uint8_t)strtoul(f->at[3], NULL, 10), (uint8_t)strtoul(f->at[4], NULL, 10), binding, &err) != MUSTER_OK)
		return broken("server");
	server_id_format(text, &id, ' ');
	(void)printf("ok\t%s\n", text);
	return 0;
}

/* read-server ISSUER KEY GENERATION DIGITS: attempt, binding, whether the tag fits */
static int do_read_server(const struct fields *f)
{
	struct product_key k;
	struct server_id id;
	struct digits_fault fault;
	uint8_t prk[PRODUCT_KEY_PRK];

	if (!key_of(&k, prk, f->at[1], f->at[2]))
		return broken("read-server");
	if (server_id_parse(&id, f->at[4], strlen(f->at[4]), &fault, &err) != MUSTER_OK)
		return no_digits(&fault);
	(void)printf("ok\t%u\t", id.attempt);
	put(id.binding, sizeof id.binding, server_id_fits(&id, prk, (uint8_t)strtoul(f->at[3], NULL, 10)) ? "\tfits\n" : "\tforeign\n");
	return 0;
}

static const struct { const char *name; size_t fields; int (*run)(const struct fields *f); } questions[] = {
	{ "agreement", 5, do_agreement }, { "foreign", 3, do_foreign }, { "read-server", 5, do_read_server }, { "server", 6, do_server },
	{ "cid", 5, do_cid }, { "derive", 8, do_derive }, { "iid", 6, do_iid }, { "key", 2, do_key }, { "machine", 4, do_machine }, { "mint", 3, do_mint },
	{ "open", 8, do_open }, { "read-cid", 5, do_read_cid }, { "read-iid", 4, do_read_iid }, { "seal", 9, do_seal },
};

static int answer(char *line)
{
	struct fields f = { .n = 0 };

	line[strcspn(line, "\n")] = '\0';
	for (char *p = line; p != NULL && f.n < FIELDS;) {
		f.at[f.n++] = p;
		if ((p = strchr(p, '\t')) != NULL)
			*p++ = '\0';
	}
	for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
		if (strcmp(f.at[0], questions[i].name) == 0 && f.n == questions[i].fields)
			return questions[i].run(&f);
	return broken(f.at[0]);
}

int main(void)
{
	char *line = mem_alloc(LINE_MAX_BYTES);
	int r = line == NULL;

	while (r == 0 && fgets(line, LINE_MAX_BYTES, stdin) != NULL)
		r = answer(line);
	mem_free(line);
	return r != 0 || fflush(stdout) != 0;
}
