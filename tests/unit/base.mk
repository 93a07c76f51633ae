# Unit tests of core/base: see the pattern at the top of Makefile.am.
unit_tests += %D%/test_bytes
%C%_test_bytes_LDADD = $(base_libs) $(CHECK_LIBS)
