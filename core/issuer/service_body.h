/** Bodies of requests to the issuer's service, and files that ask the same: read strictly, nothing trusted (docs/issuer-api.yaml). */
#ifndef ISSUER_SERVICE_BODY_H
#define ISSUER_SERVICE_BODY_H

#include <jansson.h>
#include "core/issuer/confirm.h"

#define SERVICE_BODY_MAX (1u << 20)
#define SERVICE_RENEWAL_MAX 8192
#define SERVICE_AUDIT_HASH 64

/** What a refusal points at: M-101 or M-102. */
struct body_fault { uint32_t code; char field[32]; char detail[160]; };

/** The end of a host's audit trail, "SEQ:HASH". */
struct body_audit { bool present; int64_t seq; char hash[SERVICE_AUDIT_HASH + 1]; };

struct body_host { const char *installation_id, *request, *name; /**< NULL: none */ struct body_audit audit; };
struct body_renew { const char *renewal, *chain, *request; };
struct body_counted { uint8_t id[16]; uint8_t digest[32]; /**< SHA-256 of the IDs asked for */ size_t n; const json_t *ids; const char *host; /**< whose trail; NULL: not said */ struct body_audit audit; };

/** A body: strings above are lent by it. */
struct body { json_t *json; struct { struct body_host host; struct body_renew renew; struct body_counted counted; } of; };
enum body_kind { BODY_HOST, BODY_RENEW, BODY_COUNTED };
/** @return MUSTER_OK; MUSTER_E_INVALID with @p f. body_fini() in any case. */
int body_read(struct body *out, enum body_kind kind, struct muster_span text, struct body_fault *f);
void body_fini(struct body *b);

/** "SEQ:HASH": a number and 16 to 64 hexadecimal digits. */
bool body_audit_read(struct body_audit *out, const char *text);

/** `mak export`: line 1 "muster-counted-request 1 UUID", then one Installation ID a line; # begins a comment. Made into the same as a body.
 * MUSTER_E_INVALID names the line. body_fini() in any case. */
int body_read_batch(struct body *out, struct muster_span text, const char *name, struct muster_err *err);

/** A request as a file: "MUSTER1:54 digits:base64url of PKCS#10 DER", or an Installation ID and a PEM request in any order.
 * @param[out] id,pem appended. MUSTER_E_INVALID. */
int body_read_request(struct buf *id, struct buf *pem, struct muster_span text, struct muster_err *err);

#endif
