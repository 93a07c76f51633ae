plugin_LTLIBRARIES += %D%/rds.la
%C%_rds_la_SOURCES = %D%/rds.c
%C%_rds_la_LDFLAGS = $(LDFLAGS_PLUGIN) -export-symbols-regex '^rds_LTX_muster_plugin$$'
