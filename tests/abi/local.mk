# tests/abi: the public headers and what is built from them. Each ABI that was released keeps a copy of its headers here, and
# a plugin compiled with that copy must load for ever after.
dist_check_SCRIPTS += %D%/headers.sh
TESTS += %D%/headers.sh
AM_TESTS_ENVIRONMENT += CC='$(CC)'; export CC;

check_LTLIBRARIES += %D%/frozen.la
%C%_frozen_la_SOURCES = %D%/frozen.c %D%/0.1/muster/plugin.h %D%/0.1/muster/types.h
EXTRA_DIST += %D%/0.2/muster/plugin.h %D%/0.2/muster/types.h
%C%_frozen_la_CPPFLAGS = -I$(srcdir)/%D%/0.1
%C%_frozen_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
unit_tests += %D%/test_frozen
%C%_test_frozen_LDADD = $(catalog_libs) $(CHECK_LIBS)

# An application of then: its structures are shorter than today's.
check_PROGRAMS += %D%/frozen_client
%C%_frozen_client_SOURCES = %D%/frozen_client.c %D%/0.1/muster/client.h
%C%_frozen_client_CPPFLAGS = -I$(srcdir)/%D%/0.1
%C%_frozen_client_LDADD = libmuster.la
TESTS += %D%/frozen_client
