# core/programs: thin mains.
bin_PROGRAMS += musterctl
musterctl_SOURCES = %D%/musterctl.c
musterctl_LDADD = $(cli_libs)
musterctl_LDFLAGS = $(LDFLAGS_PROGRAM)
