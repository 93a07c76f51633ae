# core/ledger: who reported in, what they were told, and the count.
noinst_LTLIBRARIES += %D%/libledger.la
%C%_libledger_la_SOURCES = \
	%D%/acts.c \
	%D%/clones.c %D%/clones.h \
	%D%/decide.c \
	%D%/disk.c %D%/disk.h \
	%D%/fold.c \
	%D%/holdings.c \
	%D%/host.c \
	%D%/hostclock.c %D%/hostclock.h \
	%D%/internal.h \
	%D%/ledger.c %D%/ledger.h \
	%D%/limits.c %D%/limits.h \
	%D%/moved.c \
	%D%/names.c \
	%D%/newcomers.c \
	%D%/pace.c \
	%D%/queue.c %D%/queue.h \
	%D%/readers.c \
	%D%/refill.c \
	%D%/repeats.c %D%/repeats.h \
	%D%/retention.c \
	%D%/rows.c %D%/rows.h \
	%D%/start.c \
	%D%/state.c \
	%D%/status.c \
	%D%/writer.c
ledger_libs = %D%/libledger.la $(licensing_libs) $(catalog_libs) $(store_libs)
# Unit tests bring a catalog made by hand instead of plugins.
ledger_test_libs = %D%/libledger.la $(licensing_libs) $(store_libs)
