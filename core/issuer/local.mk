# core/issuer: muster-issuer, the publisher's side.
noinst_LTLIBRARIES += %D%/libissuer.la
%C%_libissuer_la_SOURCES = \
	%D%/answers.c %D%/answers.h \
	%D%/authority.c %D%/authority.h \
	%D%/cmd_books.c \
	%D%/cmd_cal.c %D%/cmd_cal.h \
	%D%/cmd_certify.c \
	%D%/cmd_confirm.c \
	%D%/cmd_export.c \
	%D%/cmd_init.c \
	%D%/cmd_key.c \
	%D%/cmd_limits.c \
	%D%/cmd_list.c \
	%D%/cmd_names.c \
	%D%/cmd_pack.c \
	%D%/cmd_serve.c \
	%D%/cmd_trust.c \
	%D%/command_table.c \
	%D%/commands.h \
	%D%/confirm.c %D%/confirm.h %D%/confirm_private.h \
	%D%/confirm_counted.c \
	%D%/confirm_server.c \
	%D%/datakey.c %D%/datakey.h \
	%D%/input.c %D%/input.h \
	%D%/leaf.c %D%/leaf.h \
	%D%/listing.c %D%/listing.h \
	%D%/main.c %D%/issuer.h \
	%D%/migrate.c %D%/migrate.h \
	%D%/options.c %D%/options.h \
	%D%/output.c %D%/output.h \
	%D%/pack_log.c %D%/pack_log.h \
	%D%/pack_make.c %D%/pack_make.h \
	%D%/passphrase.c %D%/passphrase.h \
	%D%/products.c %D%/products.h \
	%D%/revocation.c %D%/revocation.h \
	%D%/rewrap.c %D%/rewrap.h \
	%D%/roots.c \
	%D%/service.c %D%/service.h %D%/service_private.h \
	%D%/service_api.c \
	%D%/service_body.c %D%/service_body.h \
	%D%/service_tls.c \
	%D%/session.c %D%/session.h \
	%D%/text.c %D%/text.h
issuer_libs = %D%/libissuer.la core/exchange/libexchange.la core/service/libservice.la $(store_libs) $(trust_libs) $(qr_libs) $(SMARTCOLS_LIBS) $(MHD_LIBS) $(GNUTLS_LIBS) $(JANSSON_LIBS)
