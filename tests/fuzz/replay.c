/*
 * The main function of a fuzz target that is not built with --enable-fuzzers: feeds it every file of its corpus, every
 * beginning of it and a number of changed copies, always the same ones. Prints TAP.
 *
 *     fuzz_NAME [FILE...]     without FILE: all of tests/fuzz/corpus/NAME
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define FILES 4096
#define INPUT_MAX (1024 * 1024)
#define BEGINNINGS 400   /* prefixes of one file */
#define CHANGES 300      /* changed copies of one file */
#define CHANGE_MAX 65536 /* larger files are only replayed as they are */

static char *names[FILES];
static size_t name_count;

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_name(const char *folder, const char *name)
{
	char path[4096];

	if (name_count == FILES || snprintf(path, sizeof path, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", name) >= (int)sizeof path) {
		fprintf(stderr, "fuzz: too many files, or too long a name: %s\n", name);
		exit(1);
	}
	names[name_count] = strdup(path);
	if (names[name_count++] == NULL)
		exit(1);
}

static void find_corpus(const char *program)
{
	const char *top = getenv("top_srcdir"), *base = strstr(program, "fuzz_");
	char folder[2048];
	const struct dirent *entry;
	DIR *dir;

	for (const char *p = base; p != NULL; p = strstr(p + 1, "fuzz_"))
		base = p;
	snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", top != NULL ? top : "..", base != NULL ? base + 5 : "");
	dir = opendir(folder);
	if (dir == NULL) {
		perror(folder);
		exit(1);
	}
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			add_name(folder, entry->d_name);
	(void)closedir(dir);
	qsort(names, name_count, sizeof names[0], by_name);
}

/* An exact copy on the heap, so that the sanitizer sees a read beyond the end. */
static void run(const uint8_t *input, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		exit(1);
	if (n > 0)
		memcpy(copy, input, n);
	(void)LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

/* A fixed sequence: a failure can be had again (Numerical Recipes' 64-bit LCG, high bits). */
static uint32_t draw(uint64_t *state, size_t limit)
{
	*state = *state * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)((*state >> 33) % limit);
}

static void run_changed(uint8_t *input, size_t n, uint64_t *state)
{
	static const char tokens[] = "=[];#\n\r\t .,:\"{}\\/-0919zZ\0\xFF\x80\xEF";
	uint8_t *copy = malloc(n + 1);
	size_t size = n;

	if (copy == NULL)
		exit(1);
	memcpy(copy, input, n);
	for (uint32_t k = 1 + draw(state, 4); k > 0 && size > 0; k--) {
		size_t at = draw(state, size);

		switch (draw(state, 4)) {
		case 0:
			copy[at] ^= (uint8_t)(1U << draw(state, 8));
			break;
		case 1:
			copy[at] = (uint8_t)tokens[draw(state, sizeof tokens - 1)];
			break;
		case 2:
			memmove(copy + at, copy + at + 1, --size - at);
			break;
		default:
			copy[at] = copy[draw(state, size)];
			break;
		}
	}
	run(copy, size);
	free(copy);
}

int main(int argc, char **argv)
{
	static uint8_t input[INPUT_MAX];
	uint64_t state = 20261122;

	for (int i = 1; i < argc; i++)
		add_name("", argv[i]);
	if (argc < 2)
		find_corpus(argv[0]);
	if (name_count == 0) {
		printf("1..1\nnot ok 1 - the corpus is empty\n");
		return 1;
	}
	printf("1..%zu\n", name_count);
	for (size_t i = 0; i < name_count; i++) {
		FILE *f = fopen(names[i], "rb");
		const char *name = strrchr(names[i], '/');
		size_t n;

		name = name != NULL ? name + 1 : names[i];
		printf("# %s\n", name);
		fflush(stdout);
		if (f == NULL) {
			perror(names[i]);
			return 1;
		}
		n = fread(input, 1, sizeof input, f);
		(void)fclose(f);
		run(input, n);
		for (size_t k = 0; k < n && k < BEGINNINGS && n <= CHANGE_MAX; k++)
			run(input, k);
		for (int k = 0; k < CHANGES && n <= CHANGE_MAX; k++)
			run_changed(input, n, &state);
		printf("ok %zu - %s\n", i + 1, name);
		free(names[i]);
	}
	return 0;
}
