# Unit tests of core/ledger. All share the fixture: a catalog made by hand, a manual clock, both stores.
ledger_fixture = %D%/ledger_fixture.c %D%/ledger_fixture.h
unit_tests += %D%/test_ledger_count
%C%_test_ledger_count_SOURCES = %D%/test_ledger_count.c $(ledger_fixture)
%C%_test_ledger_count_LDADD = $(ledger_test_libs) $(CHECK_LIBS)
unit_tests += %D%/test_ledger_parts
%C%_test_ledger_parts_LDADD = $(ledger_test_libs) $(CHECK_LIBS)
unit_tests += %D%/test_ledger_repeats
%C%_test_ledger_repeats_SOURCES = %D%/test_ledger_repeats.c $(ledger_fixture)
%C%_test_ledger_repeats_LDADD = $(ledger_test_libs) $(CHECK_LIBS)
unit_tests += %D%/test_ledger_faults
%C%_test_ledger_faults_SOURCES = %D%/test_ledger_faults.c $(ledger_fixture)
%C%_test_ledger_faults_LDADD = $(ledger_test_libs) $(CHECK_LIBS)
unit_tests += %D%/test_ledger_fold
%C%_test_ledger_fold_SOURCES = %D%/test_ledger_fold.c $(ledger_fixture)
%C%_test_ledger_fold_LDADD = $(ledger_test_libs) $(CHECK_LIBS)
