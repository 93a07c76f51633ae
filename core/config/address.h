/** Lists of listening addresses and of networks. */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include "core/base/err.h"

/** "127.0.0.1:1688, [::1]:1688, :1688": at least one. @return MUSTER_OK or MUSTER_E_INVALID with the item that is wrong. */
int config_check_listen(const char *text, struct muster_err *err);

/** "10.0.0.0/8, 2001:db8::/32"; empty is allowed. @return MUSTER_OK or MUSTER_E_INVALID with the item that is wrong. */
int config_check_networks(const char *text, struct muster_err *err);

/** One ADDRESS/BITS, which is cut at its '/'; @p len 4 or 16. */
int config_parse_network(char *item, uint8_t address[16], uint8_t *len, uint8_t *prefix, struct muster_err *err);

#endif
