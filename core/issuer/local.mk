# core/issuer: muster-issuer, the publisher's side.
noinst_LTLIBRARIES += %D%/libissuer.la
%C%_libissuer_la_SOURCES = \
	%D%/authority.c %D%/authority.h \
	%D%/book.c %D%/book.h \
	%D%/command_table.c \
	%D%/commands.c %D%/commands.h \
	%D%/main.c %D%/issuer.h \
	%D%/options.c %D%/options.h \
	%D%/output.c %D%/output.h \
	%D%/passphrase.c %D%/passphrase.h \
	%D%/products.c %D%/products.h
issuer_libs = %D%/libissuer.la $(trust_libs) $(SMARTCOLS_LIBS)
