# Tests. `make check` runs everything in TESTS through automake's TAP driver.
TEST_EXTENSIONS = .py .sh
tap_driver = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/etc/build-aux/tap-driver.sh
LOG_DRIVER = $(tap_driver)
PY_LOG_DRIVER = $(tap_driver)
SH_LOG_DRIVER = $(tap_driver)
# A test that hangs is ended, with everything it started, and has failed.
test_timeout = timeout -k 10 900
LOG_COMPILER = $(test_timeout)
PY_LOG_COMPILER = $(test_timeout) $(PYTHON) $(top_srcdir)/tests/pytest-tap
SH_LOG_COMPILER = $(test_timeout) $(SHELL)
AM_TESTS_ENVIRONMENT = \
	CK_TAP_LOG_FILE_NAME=-; CK_VERBOSITY=silent; \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; PYTHON='$(PYTHON)'; \
	PYTHONDONTWRITEBYTECODE=1; \
	export CK_TAP_LOG_FILE_NAME CK_VERBOSITY top_srcdir top_builddir PYTHON PYTHONDONTWRITEBYTECODE;
EXTRA_DIST += %D%/pytest-tap %D%/unit/unit.h %D%/include-order %D%/documents %D%/tsan.supp $(PYTESTS)

# What ./check repeats under the thread sanitizer: unit tests of code that has threads. Add to thread_tests.
thread_tests = \
	$(filter %/test_log %/test_store_memory %/test_store_log %/test_store_state %/test_pool %/test_http %/test_bench_load,$(unit_tests)) \
	$(filter %/test_activation %/test_activation_crl %/test_rest_audit %/test_ring_crl %/test_books_confirm,$(unit_tests)) \
	$(foreach t,$(filter-out $(thread_tests_long),$(unit_tests)),$(if $(findstring /test_ledger,$(t))$(findstring /test_service,$(t))$(findstring /test_holdings_group,$(t)),$(t)))
# In ./check --full these as well, which take longer, and the programs themselves.
thread_tests_long = $(filter %/test_ledger_admin %/test_ledger_alloc %/test_ledger_vfs %/test_bench_record,$(unit_tests))
thread_tests_all = $(thread_tests) $(thread_tests_long) $(filter %/test_requests.py %/test_daemon.py %/test_counting.py %/test_admin_events.py %/test_counted.py %/test_holdings.py %/test_issuer_service.py %/test_seats_killed.py %/test_tls.py,$(PYTESTS))
# Only these are built: `check` would build every test's program first, `all` every program.
check-threads:
	$(MAKE) $(AM_MAKEFLAGS) $(thread_tests) $(plugin_LTLIBRARIES)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(thread_tests)'
check-threads-all: all
	$(MAKE) $(AM_MAKEFLAGS) $(filter-out %.py,$(thread_tests_all)) $(filter-out $(unit_tests) $(fuzz_targets),$(check_PROGRAMS)) $(check_LTLIBRARIES)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(thread_tests_all)'
# What ./check leaves to ./check --full, which runs everything without sanitizers and with them: the longest, each with shorter ones beside it.
long_tests = tests/integration/test_online.py tests/integration/test_issuer_books.py tests/integration/test_export.py tests/integration/test_import_events.py \
	tests/integration/test_estate_year.py tests/integration/test_counted.py tests/integration/test_bench.py tests/integration/test_bench_fleet.py \
	tests/integration/test_plugins_at_run_time.py tests/unit/test_holdings_year tests/unit/test_bench_fleet tests/unit/test_bench_verify \
	tests/faults/test_ledger_vfs tests/faults/test_store_vfs tests/faults/test_store_migrate
check-short:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(filter-out $(long_tests),$(TESTS))'
# Tests in C alone.
check-unit:
	$(MAKE) $(AM_MAKEFLAGS) $(check_PROGRAMS) $(check_LTLIBRARIES) $(plugin_LTLIBRARIES)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(unit_tests)'
.PHONY: check-short check-threads check-threads-all check-unit

include %D%/unit/base.mk
include %D%/unit/store.mk
include %D%/unit/trust.mk
include %D%/unit/config.mk
include %D%/unit/catalog.mk
include %D%/unit/licensing.mk
include %D%/unit/ledger.mk
include %D%/unit/activation.mk
include %D%/unit/holdings.mk
include %D%/unit/estate.mk
include %D%/unit/exchange.mk
include %D%/unit/service.mk
include %D%/unit/issuer.mk
include %D%/unit/client.mk
include %D%/unit/cli.mk
include %D%/unit/bench.mk
include %D%/plugins/local.mk
include %D%/refusals/local.mk
include %D%/vectors/local.mk
include %D%/integration/local.mk
include %D%/fuzz/local.mk
include %D%/faults/local.mk
include %D%/abi/local.mk
include %D%/docs/local.mk
include %D%/telephone/local.mk
