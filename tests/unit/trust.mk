# Unit tests of core/trust: see the pattern at the top of Makefile.am.
check_LTLIBRARIES += %D%/libtrustfixture.la
%C%_libtrustfixture_la_SOURCES = %D%/trust_fixture.c %D%/trust_fixture.h
trust_test_libs = %D%/libtrustfixture.la $(trust_libs) $(CHECK_LIBS)

unit_tests += %D%/test_lease
%C%_test_lease_LDADD = $(trust_test_libs)
unit_tests += %D%/test_ring
%C%_test_ring_LDADD = $(trust_test_libs)
unit_tests += %D%/test_certs
%C%_test_certs_LDADD = $(trust_test_libs)
unit_tests += %D%/test_keys
%C%_test_keys_LDADD = $(trust_test_libs)
unit_tests += %D%/test_product_key
%C%_test_product_key_LDADD = $(trust_libs) $(CHECK_LIBS)
EXTRA_DIST += %D%/trust_vectors.h
check_LTLIBRARIES += %D%/libstatementfixture.la
%C%_libstatementfixture_la_SOURCES = %D%/statement_fixture.c %D%/statement_fixture.h
statement_test_libs = %D%/libstatementfixture.la $(trust_test_libs)
unit_tests += %D%/test_statement
%C%_test_statement_LDADD = $(statement_test_libs)
unit_tests += %D%/test_slot
%C%_test_slot_LDADD = $(trust_libs) $(CHECK_LIBS)
unit_tests += %D%/test_seal
%C%_test_seal_LDADD = $(trust_libs) $(CHECK_LIBS)
unit_tests += %D%/test_digits
%C%_test_digits_LDADD = $(trust_libs) $(CHECK_LIBS)
