/** Lists of one line, separated by commas, with blanks around items. */
#ifndef CONFIG_LISTS_H
#define CONFIG_LISTS_H

#include <stdbool.h>
#include <muster/types.h>

#define CONFIG_VERSIONS_MAX 64   /**< versions of a product's access licences */
#define CONFIG_MEDIA_MAX 16      /**< media rules of a product */
#define CONFIG_PATH_IN_MEDIUM_MAX 255
#define CONFIG_NAME_IN_INI_MAX 63

/**
 * The next item, without blanks around it, cut out of @p at.
 * @param[in,out] at afterwards behind the item and its comma; NULL behind the last one.
 * @return MUSTER_OK; MUSTER_E_NOT_FOUND when @p at is NULL or an empty text; MUSTER_E_INVALID: empty, or longer than @p room - 1 bytes.
 */
int config_list_next(char *out, size_t room, const char **at, struct muster_err *err);

/** A version's name: a-z, 0-9 and '-', a letter or digit first, at most 63. */
bool config_is_version(const char *text);
/** Names of versions, none twice; @p one: a single one. */
int config_check_versions(const char *text, bool one, struct muster_err *err);
/** Some of @p words (separated by blanks), none twice. */
int config_check_words(const char *text, const char *words, struct muster_err *err);

/** PATH [SECTION] KEY. */
struct config_medium { char path[CONFIG_PATH_IN_MEDIUM_MAX + 1], section[CONFIG_NAME_IN_INI_MAX + 1], key[CONFIG_NAME_IN_INI_MAX + 1]; };
int config_medium_next(struct config_medium *out, const char **at, struct muster_err *err);
int config_check_media(const char *text, struct muster_err *err);

#endif
