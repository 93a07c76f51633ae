# core/cli: musterctl.
noinst_LTLIBRARIES += %D%/libcli.la
%C%_libcli_la_SOURCES = \
	%D%/api.c %D%/api.h \
	%D%/cli.h %D%/main.c \
	%D%/listing.c %D%/listing.h \
	%D%/table.c %D%/table.h \
	%D%/verbs.c %D%/verbs.h \
	%D%/verbs_catalog.c %D%/verbs_host.c %D%/verbs_listing.c %D%/verbs_records.c %D%/verbs_settings.c
cli_libs = %D%/libcli.la $(http_libs) $(base_libs) $(JANSSON_LIBS) $(SMARTCOLS_LIBS)
