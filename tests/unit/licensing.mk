# Unit tests of core/licensing.
unit_tests += %D%/test_pool %D%/test_threshold
%C%_test_pool_LDADD = $(licensing_libs) $(CHECK_LIBS)
%C%_test_threshold_LDADD = $(licensing_libs) $(CHECK_LIBS)
