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
