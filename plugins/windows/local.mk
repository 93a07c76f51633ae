plugin_LTLIBRARIES += %D%/windows.la
%C%_windows_la_SOURCES = %D%/windows.c
%C%_windows_la_LDFLAGS = $(LDFLAGS_PLUGIN) -export-symbols-regex '^windows_LTX_muster_plugin$$'
