# core/bench
unit_tests += %D%/test_bench_population
%C%_test_bench_population_LDADD = $(bench_libs) $(CHECK_LIBS)
