# The reader of media is a library of its own, so that tests link it without loading the plugin.
noinst_LTLIBRARIES += %D%/libsqlmedium.la
%C%_libsqlmedium_la_SOURCES = %D%/sql_medium.c %D%/sql_medium.h
plugin_LTLIBRARIES += %D%/sql-embedded.la
%C%_sql_embedded_la_SOURCES = %D%/sql_embedded.c
%C%_sql_embedded_la_LIBADD = %D%/libsqlmedium.la
%C%_sql_embedded_la_LDFLAGS = $(LDFLAGS_PLUGIN) -export-symbols-regex '^sql_embedded_LTX_muster_plugin$$'
