#include "core/base/verdict.h"

#include <stddef.h>
#include <string.h>

static const struct { const char *word, *shout; int weight; } verdicts[] = {
	[VERDICT_OK] = { "ok", "OK", 0 }, [VERDICT_WARNING] = { "warning", "WARNING", 2 }, [VERDICT_CRITICAL] = { "critical", "CRITICAL", 3 }, [VERDICT_UNKNOWN] = { "unknown", "UNKNOWN", 1 }
};

const char *verdict_word(enum verdict v)
{
	return verdicts[v].word;
}

const char *verdict_shout(enum verdict v)
{
	return verdicts[v].shout;
}

enum verdict verdict_find(const char *word)
{
	for (size_t i = 0; word != NULL && i < sizeof verdicts / sizeof verdicts[0]; i++)
		if (strcmp(word, verdicts[i].word) == 0)
			return (enum verdict)i;
	return VERDICT_UNKNOWN;
}

enum verdict verdict_worse(enum verdict a, enum verdict b)
{
	return verdicts[b].weight > verdicts[a].weight ? b : a;
}
