plugin_LTLIBRARIES += %D%/sql-embedded.la
%C%_sql_embedded_la_SOURCES = %D%/sql_embedded.c
%C%_sql_embedded_la_LDFLAGS = $(LDFLAGS_PLUGIN) -export-symbols-regex '^sql_embedded_LTX_muster_plugin$$'
