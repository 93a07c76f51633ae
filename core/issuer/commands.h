/** What muster-issuer can do; see command_table.c. Each returns an enum issuer_exit after writing to stdout and, for what went wrong, to stderr. */
#ifndef ISSUER_COMMANDS_H
#define ISSUER_COMMANDS_H

#include "core/issuer/options.h"

int command_init(const struct options *o);
int command_certify(const struct options *o);
int command_intermediate(const struct options *o);
int command_list(const struct options *o);
int command_show(const struct options *o);
int command_product_add(const struct options *o);
int command_product_list(const struct options *o);
int command_agreement_add(const struct options *o);
int command_agreement_list(const struct options *o);
int command_contact_set(const struct options *o);
int command_contact_remove(const struct options *o);
int command_contact_list(const struct options *o);
int command_contact_service(const struct options *o);
int command_key_mint(const struct options *o);
int command_key_list(const struct options *o);
int command_key_show(const struct options *o);
int command_cal_create(const struct options *o);
int command_cal_list(const struct options *o);
int command_pack_create(const struct options *o);
int command_pack_list(const struct options *o);
int command_pack_show(const struct options *o);
int command_allow(const struct options *o);
int command_revoke(const struct options *o);
int command_retire(const struct options *o);
int command_crl(const struct options *o);
int command_roots_announce(const struct options *o);
int command_roots_switch(const struct options *o);
int command_export(const struct options *o);
int command_export_open(const struct options *o);
int command_backup(const struct options *o);
int command_passphrase(const struct options *o);
int command_audit(const struct options *o);
int command_audit_verify(const struct options *o);
int command_confirm(const struct options *o);
int command_restore(const struct options *o);
int command_serve(const struct options *o);

#endif
