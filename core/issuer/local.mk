# core/issuer: muster-issuer, the publisher's side.
noinst_LTLIBRARIES += %D%/libissuer.la
%C%_libissuer_la_SOURCES = \
	%D%/authority.c %D%/authority.h \
	%D%/book.c %D%/book.h \
	%D%/command_table.c \
	%D%/commands.c %D%/commands.h \
	%D%/confirm.c %D%/confirm.h %D%/confirm_private.h \
	%D%/confirm_certificate.c \
	%D%/confirm_counted.c \
	%D%/main.c %D%/issuer.h \
	%D%/options.c %D%/options.h \
	%D%/output.c %D%/output.h \
	%D%/passphrase.c %D%/passphrase.h \
	%D%/products.c %D%/products.h
issuer_libs = %D%/libissuer.la $(trust_libs) $(store_libs) $(SMARTCOLS_LIBS)
