# tests/refusals: a fixture for every way an input can be wrong, each asserting the whole message.
unit_tests += %D%/test_config_refusals
%C%_test_config_refusals_SOURCES = %D%/test_config_refusals.c tests/unit/config_files.h
%C%_test_config_refusals_LDADD = $(config_libs) $(CHECK_LIBS)

# Plugins that are wrong in one way each, in one object (see there), and one that does not resolve its symbols.
check_LTLIBRARIES += %D%/bad_plugins.la %D%/unresolved.la
%C%_bad_plugins_la_SOURCES = %D%/bad_plugins.c
%C%_bad_plugins_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_unresolved_la_SOURCES = %D%/unresolved.c
%C%_unresolved_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath $(plugindir)
unit_tests += %D%/test_plugin_refusals
%C%_test_plugin_refusals_LDADD = $(catalog_libs) $(CHECK_LIBS)
EXTRA_DIST += tests/unit/catalog_config.h
unit_tests += %D%/test_product_refusals
%C%_test_product_refusals_LDADD = $(catalog_libs) $(CHECK_LIBS)
