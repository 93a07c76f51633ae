# core/trust: keys, certificates, tokens, leases, the host's key ring. Pure but for reading and writing key files.
noinst_LTLIBRARIES += %D%/libtrust.la
%C%_libtrust_la_SOURCES = \
	%D%/certs.c %D%/certs.h \
	%D%/certs_make.c \
	%D%/confirmation.c \
	%D%/crl.c %D%/crl.h \
	%D%/damm.c %D%/damm.h \
	%D%/digits.c %D%/digits.h \
	%D%/gcm.c %D%/gcm.h \
	%D%/hkdf.c %D%/hkdf.h \
	%D%/jws.c %D%/jws.h \
	%D%/keys.c %D%/keys.h \
	%D%/lease.c %D%/lease.h \
	%D%/openssl.c %D%/openssl.h \
	%D%/pack.c %D%/pack.h %D%/pack_private.h \
	%D%/pack_make.c \
	%D%/payload.c %D%/payload.h \
	%D%/product_key.c %D%/product_key.h \
	%D%/ring.c %D%/ring.h \
	%D%/ring_key.c %D%/ring_key.h \
	%D%/ring_view.c %D%/ring_view.h \
	%D%/roots.c \
	%D%/seal.c %D%/seal.h \
	%D%/server_id.c %D%/server_id.h \
	%D%/slot.c %D%/slot.h \
	%D%/statement.c %D%/statement.h \
	%D%/token.c %D%/token.h %D%/token_sign.h \
	%D%/typed.c %D%/typed.h
trust_libs = %D%/libtrust.la $(base_libs) $(JANSSON_LIBS)
