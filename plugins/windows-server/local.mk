plugin_LTLIBRARIES += %D%/windows-server.la
%C%_windows_server_la_SOURCES = %D%/windows_server.c
%C%_windows_server_la_LDFLAGS = $(LDFLAGS_PLUGIN) -export-symbols-regex '^windows_server_LTX_muster_plugin$$'
