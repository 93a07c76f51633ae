/** The verbs' functions, one file a group; their table is verbs.c. Each returns enum cli_exit. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "core/cli/cli.h"

/* verbs_listing.c */
int verb_dli(struct cli *c);
int verb_dlv(struct cli *c);
int verb_xpr(struct cli *c);
/* verbs_catalog.c */
int verb_products(struct cli *c);
int verb_plugins(struct cli *c);
/* verbs_plugin.c */
int verb_plugin(struct cli *c);
/* verbs_records.c */
int verb_clients(struct cli *c);
int verb_events(struct cli *c);
int verb_journal(struct cli *c);
/* verbs_observed.c */
int observed_clients(struct cli *c);  /**< clients --observed */
int observed_events(struct cli *c);   /**< events --observed */
/* verbs_settings.c */
int verb_set(struct cli *c);          /**< sprt, sai, sri, spri, cpri: c->verb says which */
int verb_settings(struct cli *c);
/* verbs_host.c */
int verb_status(struct cli *c);
int verb_host(struct cli *c);
int verb_clock(struct cli *c);
int verb_backup(struct cli *c);
int verb_reload(struct cli *c);

/* verbs_pack.c */
int verb_pack(struct cli *c);
int verb_crl(struct cli *c);
/* verbs_keys.c */
int verb_ipk(struct cli *c);
int verb_upk(struct cli *c);
int verb_keys(struct cli *c);
int verb_cpky(struct cli *c);
/* verbs_activate.c */
int verb_ato(struct cli *c);
int verb_dti(struct cli *c);
int verb_atp(struct cli *c);
/* verbs_access_activate.c */
/** `access activate` and `access id`: c->args[0] says which. */
int verb_access_activate(struct cli *c);
/* verbs_counted.c */
int verb_mak(struct cli *c);
/* verbs_discover.c */
int verb_discover(struct cli *c);
int verb_media(struct cli *c);
/* verbs_import.c */
int verb_import(struct cli *c);
/* verbs_access.c, verbs_seats.c */
int verb_access(struct cli *c);
int verb_seats(struct cli *c);
int verb_debt(struct cli *c);
/* verbs_doctor.c */
/** Exit codes of its own: enum verdict, wrong usage and no host included. */
int verb_doctor(struct cli *c);
/** What it would say with --json; the names of checks are the arguments. */
int doctor_answer(struct cli *c, json_t **answer, struct muster_err *err);
/* verbs_support.c */
int verb_support_bundle(struct cli *c);
/* verbs_estate.c */
/** organisations, contacts, agreements, orders, catalogue, requests, hosts: c->verb says which; `keys` with a word behind it. */
int verb_estate(struct cli *c);
/* verbs_request.c, verbs_advise.c, verbs_export.c */
int verb_request(struct cli *c);
int verb_advise(struct cli *c);
int verb_export(struct cli *c);
/** `keys export` */
int verb_keys_export(struct cli *c);
/* verbs_explain.c */
int verb_explain(struct cli *c);
/* verbs_state.c */
int verb_state(struct cli *c);
/* verbs_audit.c */
int verb_rekey(struct cli *c);
int verb_audit(struct cli *c);
/* phone.c, setup.c */
int verb_phone(struct cli *c);
int verb_setup(struct cli *c);

/** A verb administrators know from elsewhere (facts.md section 2) that this program does not have: why, and what to do. NULL: not one of them. */
const char *verbs_elsewhere(const char *word);

#endif
