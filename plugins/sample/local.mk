# Built and tested, not installed: a host has no use for it. -rpath makes libtool build the shared object all the same.
noinst_LTLIBRARIES += %D%/sample.la
%C%_sample_la_SOURCES = %D%/sample.c
%C%_sample_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir) -export-symbols-regex '^sample_LTX_muster_plugin$$'
