# core/bench: muster-bench, load on a host of its own and fleets in simulated time.
noinst_LTLIBRARIES += %D%/libbench.la
%C%_libbench_la_SOURCES = \
	%D%/bench.h \
	%D%/cmd_fleet.c \
	%D%/cmd_limits.c \
	%D%/cmd_load.c \
	%D%/cmd_suite.c \
	%D%/cmd_verify.c \
	%D%/fill.c \
	%D%/fleet.c %D%/fleet.h \
	%D%/fleet_books.c \
	%D%/fleet_heap.c %D%/fleet_heap.h \
	%D%/fleet_host.c %D%/fleet_host.h \
	%D%/fleet_judge.c \
	%D%/fleet_life.c \
	%D%/fleet_model.c %D%/fleet_model.h \
	%D%/fleet_print.c \
	%D%/histogram.c %D%/histogram.h \
	%D%/host.c %D%/host.h \
	%D%/host_run.c \
	%D%/limits.c %D%/limits.h \
	%D%/limits_echo.c \
	%D%/load.c %D%/load.h \
	%D%/load_http.c %D%/load_http.h \
	%D%/load_lane.c %D%/load_private.h \
	%D%/main.c \
	%D%/population.c %D%/population.h \
	%D%/record.c %D%/record.h \
	%D%/run.c %D%/run.h \
	%D%/run_print.c \
	%D%/sampler.c \
	%D%/tools.c \
	%D%/verify.c %D%/verify.h \
	%D%/verify_leases.c \
	%D%/verify_ledger.c \
	%D%/verify_private.h \
	%D%/verify_uses.c
bench_libs = %D%/libbench.la core/issuer/libissuer.la core/exchange/libexchange.la $(service_libs) $(http_libs) -lm
