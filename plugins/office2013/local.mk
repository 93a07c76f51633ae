plugin_LTLIBRARIES += %D%/office2013.la
%C%_office2013_la_SOURCES = %D%/office2013.c
%C%_office2013_la_LDFLAGS = $(LDFLAGS_PLUGIN) -export-symbols-regex '^office2013_LTX_muster_plugin$$'
