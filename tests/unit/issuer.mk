# Unit tests of core/issuer: see the pattern at the top of Makefile.am.
unit_tests += %D%/test_issuer
%C%_test_issuer_LDADD = %D%/libtrustfixture.la $(issuer_libs) $(CHECK_LIBS)
