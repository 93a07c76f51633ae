# core/bench
unit_tests += %D%/test_bench_population
%C%_test_bench_population_LDADD = $(bench_libs) $(CHECK_LIBS)
unit_tests += %D%/test_bench_histogram
%C%_test_bench_histogram_LDADD = $(bench_libs) $(CHECK_LIBS)
unit_tests += %D%/test_bench_record
%C%_test_bench_record_LDADD = $(bench_libs) $(CHECK_LIBS)
unit_tests += %D%/test_bench_load
%C%_test_bench_load_LDADD = $(bench_libs) $(CHECK_LIBS)
unit_tests += %D%/test_bench_host
%C%_test_bench_host_LDADD = $(bench_libs) $(CHECK_LIBS)
unit_tests += %D%/test_bench_limits
%C%_test_bench_limits_LDADD = $(bench_libs) $(CHECK_LIBS)
# Brings the ledger's fixture and with it a catalog made by hand.
unit_tests += %D%/test_bench_verify
%C%_test_bench_verify_SOURCES = %D%/test_bench_verify.c $(ledger_fixture)
%C%_test_bench_verify_LDADD = core/bench/libbench.la %D%/libtrustfixture.la $(ledger_test_libs) $(trust_libs) $(CHECK_LIBS)
unit_tests += %D%/test_bench_fleet
%C%_test_bench_fleet_LDADD = $(bench_libs) $(CHECK_LIBS)
