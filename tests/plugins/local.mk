# Tests of plugins: the conformance suite over all of them, plugins that must fail it, and the plugins' own parts.
misbehaving = %D%/rude.la %D%/leaving.la %D%/stuck.la %D%/quiet.la %D%/moody.la %D%/endless.la %D%/slow.la %D%/failing.la %D%/single.la %D%/mute.la %D%/guesser.la %D%/untitled.la %D%/blind.la %D%/loud.la
check_LTLIBRARIES += $(misbehaving)
%C%_rude_la_SOURCES = %D%/misbehaving.c
%C%_rude_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=rude -DCASE_rude
%C%_rude_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_leaving_la_SOURCES = %D%/misbehaving.c
%C%_leaving_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=leaving -DCASE_leaving
%C%_leaving_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_stuck_la_SOURCES = %D%/misbehaving.c
%C%_stuck_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=stuck -DCASE_stuck
%C%_stuck_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_quiet_la_SOURCES = %D%/misbehaving.c
%C%_quiet_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=quiet -DCASE_quiet
%C%_quiet_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_moody_la_SOURCES = %D%/misbehaving.c
%C%_moody_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=moody -DCASE_moody
%C%_moody_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_endless_la_SOURCES = %D%/misbehaving.c
%C%_endless_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=endless -DCASE_endless
%C%_endless_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_slow_la_SOURCES = %D%/misbehaving.c
%C%_slow_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=slow -DCASE_slow
%C%_slow_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_failing_la_SOURCES = %D%/misbehaving.c
%C%_failing_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=failing -DCASE_failing
%C%_failing_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_single_la_SOURCES = %D%/misbehaving.c
%C%_single_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=single -DCASE_single
%C%_single_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_mute_la_SOURCES = %D%/misbehaving.c
%C%_mute_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=mute -DCASE_mute
%C%_mute_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_guesser_la_SOURCES = %D%/misbehaving.c
%C%_guesser_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=guesser -DCASE_guesser
%C%_guesser_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_untitled_la_SOURCES = %D%/misbehaving.c
%C%_untitled_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=untitled -DCASE_untitled
%C%_untitled_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_blind_la_SOURCES = %D%/misbehaving.c
%C%_blind_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=blind -DCASE_blind
%C%_blind_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_loud_la_SOURCES = %D%/misbehaving.c
%C%_loud_la_CPPFLAGS = $(AM_CPPFLAGS) -DCASE=loud -DCASE_loud
%C%_loud_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
# One with a way of its own to find keys on a medium, for tests/unit/test_medium.
check_LTLIBRARIES += %D%/exotic.la
%C%_exotic_la_SOURCES = %D%/exotic.c
%C%_exotic_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
# One that passes the suite and misbehaves while a host serves, for tests/integration/test_plugins_at_run_time.py.
check_LTLIBRARIES += %D%/crasher.la
%C%_crasher_la_SOURCES = %D%/crasher.c
%C%_crasher_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
unit_tests += %D%/test_conformance
%C%_test_conformance_LDADD = $(catalog_libs) $(CHECK_LIBS)
unit_tests += %D%/test_plugins
%C%_test_plugins_LDADD = $(catalog_libs) $(CHECK_LIBS)
unit_tests += %D%/test_products
%C%_test_products_LDADD = $(catalog_libs) $(CHECK_LIBS)
dist_check_SCRIPTS += %D%/guide.sh
TESTS += %D%/guide.sh
