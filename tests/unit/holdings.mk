# Unit tests of core/holdings. The group's on the ledger's fixture, with rules of its own.
unit_tests += %D%/test_holdings_group
%C%_test_holdings_group_SOURCES = %D%/test_holdings_group.c $(ledger_fixture)
%C%_test_holdings_group_LDADD = core/holdings/libholdings.la $(ledger_test_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
