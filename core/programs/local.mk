# core/programs: thin mains.
bin_PROGRAMS += musterctl
musterctl_SOURCES = %D%/musterctl.c
musterctl_LDADD = $(cli_libs)
musterctl_LDFLAGS = $(LDFLAGS_PROGRAM)
bin_PROGRAMS += muster-issuer
muster_issuer_SOURCES = %D%/muster-issuer.c
muster_issuer_LDADD = $(issuer_libs)
muster_issuer_LDFLAGS = $(LDFLAGS_PROGRAM)
bin_PROGRAMS += muster
muster_SOURCES = %D%/muster.c
muster_LDADD = $(mcli_libs)
muster_LDFLAGS = $(LDFLAGS_PROGRAM)
bin_PROGRAMS += muster-bench
muster_bench_SOURCES = %D%/muster-bench.c
muster_bench_LDADD = $(bench_libs)
muster_bench_LDFLAGS = $(LDFLAGS_PROGRAM)

sbin_PROGRAMS += musterd
musterd_SOURCES = %D%/musterd.c
musterd_LDADD = $(service_libs)
musterd_LDFLAGS = $(LDFLAGS_PROGRAM)
