# Unit tests of core/estate.
unit_tests += %D%/test_estate_kinds
%C%_test_estate_kinds_LDADD = $(estatekinds_libs) $(CHECK_LIBS)
