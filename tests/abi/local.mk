# tests/abi: the public headers and what is built from them. Each ABI from 1.0 on keeps a copy of its headers here, and
# a plugin compiled with that copy must load for ever after.
dist_check_SCRIPTS += %D%/headers.sh
TESTS += %D%/headers.sh
AM_TESTS_ENVIRONMENT += CC='$(CC)'; export CC;

check_LTLIBRARIES += %D%/frozen.la
%C%_frozen_la_SOURCES = %D%/frozen.c %D%/1.0/muster/plugin.h %D%/1.0/muster/types.h
%C%_frozen_la_CPPFLAGS = -I$(srcdir)/%D%/1.0
%C%_frozen_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
unit_tests += %D%/test_frozen
# A plugin of the ABI after this one: longer structures and rows, under the number 1.1 and under 1.0.
check_LTLIBRARIES += %D%/later.la %D%/patient.la
%C%_later_la_SOURCES = %D%/later.c
%C%_later_la_CPPFLAGS = $(AM_CPPFLAGS) -DNAME=later -DMINOR=1
%C%_later_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_patient_la_SOURCES = %D%/later.c
%C%_patient_la_CPPFLAGS = $(AM_CPPFLAGS) -DNAME=patient -DMINOR=0
%C%_patient_la_LDFLAGS = $(LDFLAGS_PLUGIN) -rpath $(plugindir)
%C%_test_frozen_LDADD = $(catalog_libs) $(CHECK_LIBS)

# An application of then: its structures are shorter than today's.
check_PROGRAMS += %D%/frozen_client
%C%_frozen_client_SOURCES = %D%/frozen_client.c %D%/client/muster/client.h %D%/client/muster/types.h
%C%_frozen_client_CPPFLAGS = -I$(srcdir)/%D%/client
%C%_frozen_client_LDADD = libmuster.la
TESTS += %D%/frozen_client
