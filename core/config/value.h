/** Values: text of a file to number, date, UUID, and back; checked against a row of the schema. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "core/base/buf.h"
#include "core/config/schema.h"

struct config_value {
	const char *text;     /**< borrowed: as given, or the word of CONFIG_CHOICE */
	uint64_t number;      /**< CONFIG_NUMBER … CONFIG_FLAG */
	int64_t date;         /**< CONFIG_DATE, CONFIG_DATE_END */
	uint8_t id[16];       /**< CONFIG_UUID */
};

/** Check and convert @p text as @p k wants it. @return MUSTER_OK, or MUSTER_E_INVALID with what is wrong and what to write. */
int config_value_read(const struct config_key *k, const char *text, struct config_value *out, struct muster_err *err);

/** Put a value into the member of @p object; texts are kept as the pointer v->text. */
void config_value_store(const struct config_key *k, void *object, const struct config_value *v);

/** The member of @p object as it is written in a file, after what @p out holds. */
void config_value_write(struct buf *out, const struct config_key *k, const void *object);

/** A number in its largest whole unit: "7d", "256MiB", "250ms", "5". */
void config_value_number(struct buf *out, enum config_type type, uint64_t number);

/** a-z, 0-9, '-' and '_', first a letter; at most MUSTER_NAME_MAX bytes. */
bool config_value_is_name(const char *text);

#endif
