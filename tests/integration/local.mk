# tests/integration: see the patterns at the top of Makefile.am.
# muster with a clock that tests can move.
check_PROGRAMS += %D%/muster-clock
%C%_muster_clock_SOURCES = %D%/muster_clock.c
%C%_muster_clock_LDADD = $(mcli_libs) core/base/libtestclock.la

# musterd with such a clock, and the daemon's tests through its front door.
check_PROGRAMS += %D%/musterd-clock
%C%_musterd_clock_SOURCES = %D%/musterd_clock.c
%C%_musterd_clock_LDADD = $(service_libs) core/base/libtestclock.la
%C%_musterd_clock_LDFLAGS = $(LDFLAGS_PROGRAM)
EXTRA_DIST += %D%/conftest.py %D%/host.py %D%/licensed.py %D%/openapi.py %D%/tls.py
PYTESTS += \
	%D%/test_admin.py \
	%D%/test_counted.py \
	%D%/test_counting.py \
	%D%/test_crl.py \
	%D%/test_daemon.py \
	%D%/test_holdings.py \
	%D%/test_licence_server.py \
	%D%/test_online.py \
	%D%/test_policy.py \
	%D%/test_requests.py \
	%D%/test_robustness.py \
	%D%/test_tls.py \
	%D%/test_state.py %D%/test_state_observed.py \
	%D%/test_trust.py

PYTESTS += %D%/test_own_products.py %D%/test_plugins_at_run_time.py %D%/test_plugin_check.py %D%/test_plugin_reload.py

# The administrator's side: musterctl against that daemon.
EXTRA_DIST += %D%/administrator.py
PYTESTS += \
	%D%/test_access_admin.py \
	%D%/test_observed.py \
	%D%/test_admin_events.py \
	%D%/test_admin_host.py \
	%D%/test_admin_ledger.py \
	%D%/test_admin_listing.py \
	%D%/test_admin_products.py \
	%D%/test_admin_roles.py \
	%D%/test_admin_settings.py \
	%D%/test_admin_verbs.py
PYTESTS += %D%/test_doctor.py %D%/test_support_bundle.py
# Installation media, sound and hostile.
EXTRA_DIST += %D%/media.py
PYTESTS += %D%/test_discover.py
PYTESTS += %D%/test_estate.py %D%/test_estate_roles.py
# On a terminal, against a fake admin socket and against the real programs.
EXTRA_DIST += %D%/fake_host.py %D%/terminal.py
PYTESTS += %D%/test_activation_verbs.py %D%/test_telephone.py
PYTESTS += %D%/test_bench.py %D%/test_bench_fleet.py %D%/test_bench_manual.py
PYTESTS += %D%/test_issuer.py
# muster-issuer with a clock that tests can move.
check_PROGRAMS += %D%/muster-issuer-clock
%C%_muster_issuer_clock_SOURCES = %D%/muster_issuer_clock.c
%C%_muster_issuer_clock_LDADD = $(issuer_libs) core/base/libtestclock.la
%C%_muster_issuer_clock_LDFLAGS = $(LDFLAGS_PROGRAM)
EXTRA_DIST += %D%/publisher.py
PYTESTS += %D%/test_issuer_books.py %D%/test_issuer_confirm.py %D%/test_issuer_service.py
# Preloaded: ends a program at the Nth write or sync.
check_LTLIBRARIES += %D%/kill-point.la
%C%_kill_point_la_SOURCES = %D%/kill_point.c
%C%_kill_point_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
PYTESTS += %D%/test_issuer_killed.py
PYTESTS += %D%/test_seats_killed.py
# Hosts entitled by what that issuer makes, and what they keep.
PYTESTS += %D%/test_activation.py %D%/test_at_rest.py
# muster and libmuster against that daemon.
PYTESTS += %D%/test_muster.py
# Access licences, seats, embedded keys: against a host in Python.
EXTRA_DIST += %D%/fake_models.py
PYTESTS += %D%/test_muster_models.py %D%/test_muster_served.py
# Counted products against an issuer and a host of the test itself, and against muster-issuer.
EXTRA_DIST += %D%/fake_publisher.py
PYTESTS += %D%/test_counted_client.py %D%/test_counted_proxy.py
# Imports against a fake admin socket.
EXTRA_DIST += %D%/fake_import.py
PYTESTS += %D%/test_import.py %D%/test_import_watch.py
# Against a real host.
PYTESTS += %D%/test_import_books.py %D%/test_import_listing.py

# The books at the command line, and what leaves them.
PYTESTS += %D%/test_books_cli.py %D%/test_export.py

# Event exports, and a year of an estate made from stated rules.
EXTRA_DIST += %D%/event_log.py %D%/estate_year.py
PYTESTS += %D%/test_import_events.py %D%/test_estate_year.py
