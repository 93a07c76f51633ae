# Unit tests of core/client: see the pattern at the top of Makefile.am.
check_LTLIBRARIES += %D%/libfakehost.la %D%/libclientfixture.la
%C%_libfakehost_la_SOURCES = %D%/fakehost.c %D%/fakehost.h
# A fake Muster host with real certificates, for the tests of libmuster and of muster.
%C%_libclientfixture_la_SOURCES = %D%/client_fixture.c %D%/client_fixture.h
client_test_libs = %D%/libclientfixture.la %D%/libfakehost.la %D%/libtrustfixture.la $(client_libs) $(CHECK_LIBS)

unit_tests += %D%/test_http %D%/test_client %D%/test_client_trust %D%/test_client_state
%C%_test_http_LDADD = %D%/libfakehost.la $(http_libs) $(CHECK_LIBS)
%C%_test_client_LDADD = $(client_test_libs)
%C%_test_client_trust_LDADD = $(client_test_libs)
%C%_test_client_state_LDADD = $(client_test_libs)
unit_tests += %D%/test_client_counted
%C%_test_client_counted_LDADD = $(client_test_libs)
unit_tests += %D%/test_client_access %D%/test_client_seats
%C%_test_client_access_LDADD = $(client_test_libs)
%C%_test_client_seats_LDADD = $(client_test_libs)
unit_tests += %D%/test_hosts %D%/test_hardware %D%/test_answer %D%/test_libmuster
%C%_test_hosts_LDADD = $(client_libs) $(CHECK_LIBS)
%C%_test_hardware_LDADD = $(client_libs) $(CHECK_LIBS)
%C%_test_answer_LDADD = $(client_libs) $(CHECK_LIBS)
# The shared library itself; the tree's own libraries are there for the fixture only.
%C%_test_libmuster_LDADD = libmuster.la $(trust_test_libs)
unit_tests += %D%/test_client_crl
%C%_test_client_crl_LDADD = $(client_test_libs)
unit_tests += %D%/test_client_doctor
%C%_test_client_doctor_LDADD = $(client_libs) $(CHECK_LIBS)
