# tests/integration: see the patterns at the top of Makefile.am.
# muster with a clock that tests can move.
check_PROGRAMS += %D%/muster-clock
%C%_muster_clock_SOURCES = %D%/muster_clock.c
%C%_muster_clock_LDADD = $(mcli_libs) core/base/libtestclock.la
