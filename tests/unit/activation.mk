# Unit tests of core/activation: a host with plugins of the build tree, and an issuer made of core/trust.
check_LTLIBRARIES += %D%/libactivationfixture.la
%C%_libactivationfixture_la_SOURCES = %D%/activation_fixture.c %D%/activation_fixture.h
activation_test_libs = %D%/libactivationfixture.la %D%/libstatementfixture.la %D%/libtrustfixture.la $(activation_libs) $(ledger_libs) $(catalog_libs) $(trust_libs) $(config_libs) $(store_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
unit_tests += %D%/test_activation
%C%_test_activation_LDADD = $(activation_test_libs)
unit_tests += %D%/test_activation_access
%C%_test_activation_access_LDADD = $(activation_test_libs)
unit_tests += %D%/test_activation_faults
%C%_test_activation_faults_LDADD = $(activation_test_libs)
unit_tests += %D%/test_activation_crl
%C%_test_activation_crl_LDADD = $(activation_test_libs)
unit_tests += %D%/test_rest_audit
%C%_test_rest_audit_LDADD = $(activation_test_libs) $(SQLITE_LIBS)
unit_tests += %D%/test_rest_rekey
%C%_test_rest_rekey_LDADD = $(activation_test_libs) $(SQLITE_LIBS)
%C%_test_rest_rekey_LDFLAGS = $(LDFLAGS_PROGRAM) -Wl,--wrap=write -Wl,--wrap=fsync -Wl,--wrap=rename
EXTRA_DIST += %D%/rest_fixture.h
unit_tests += %D%/test_activation_issuer_faults
%C%_test_activation_issuer_faults_LDADD = $(activation_test_libs)
%C%_test_activation_issuer_faults_LDFLAGS = $(LDFLAGS_PROGRAM) -Wl,--wrap=issuer_ask -Wl,--wrap=ledger_transact -Wl,--wrap=json_loadb
