# Unit tests of core/licensing.
unit_tests += %D%/test_access %D%/test_pool %D%/test_seats %D%/test_threshold
%C%_test_access_LDADD = $(licensing_libs) $(CHECK_LIBS)
%C%_test_pool_LDADD = $(licensing_libs) $(CHECK_LIBS)
%C%_test_seats_LDADD = $(licensing_libs) $(CHECK_LIBS)
%C%_test_threshold_LDADD = $(licensing_libs) $(CHECK_LIBS)
