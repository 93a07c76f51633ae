# Unit tests of core/estate.
unit_tests += %D%/test_estate_kinds
%C%_test_estate_kinds_LDADD = $(estatekinds_libs) $(CHECK_LIBS)
unit_tests += %D%/test_estate_stage
%C%_test_estate_stage_LDADD = $(estate_libs) $(activation_test_libs)
unit_tests += %D%/test_observed_count
%C%_test_observed_count_LDADD = $(estate_libs) $(activation_test_libs)
unit_tests += %D%/test_gaps
%C%_test_gaps_LDADD = $(estate_libs) $(store_libs) $(CHECK_LIBS)
