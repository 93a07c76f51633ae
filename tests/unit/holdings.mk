# Unit tests of core/holdings. The group's on the ledger's fixture, with rules of its own. Both are thread_tests by their names (tests/local.mk).
holdings_group_fixture = %D%/holdings_group_fixture.c %D%/holdings_group_fixture.h $(ledger_fixture)
unit_tests += %D%/test_holdings_group
%C%_test_holdings_group_SOURCES = %D%/test_holdings_group.c $(holdings_group_fixture)
%C%_test_holdings_group_LDADD = core/holdings/libholdings.la $(ledger_test_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
unit_tests += %D%/test_holdings_group_thread
%C%_test_holdings_group_thread_SOURCES = %D%/test_holdings_group_thread.c $(holdings_group_fixture)
%C%_test_holdings_group_thread_LDADD = core/holdings/libholdings.la $(ledger_test_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
# The real rules on the real groups: packs, reservations and embedded keys are the fixture's.
holdings_fixture = %D%/holdings_fixture.c %D%/holdings_fixture.h $(ledger_fixture)
unit_tests += %D%/test_holdings_year
%C%_test_holdings_year_SOURCES = %D%/test_holdings_year.c $(holdings_fixture)
%C%_test_holdings_year_LDADD = core/holdings/libholdings.la $(ledger_test_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
unit_tests += %D%/test_holdings_rules
%C%_test_holdings_rules_SOURCES = %D%/test_holdings_rules.c $(holdings_fixture)
%C%_test_holdings_rules_LDADD = core/holdings/libholdings.la $(ledger_test_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
unit_tests += %D%/test_holdings_seats
%C%_test_holdings_seats_SOURCES = %D%/test_holdings_seats.c $(holdings_fixture)
%C%_test_holdings_seats_LDADD = core/holdings/libholdings.la $(ledger_test_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
unit_tests += %D%/test_holdings_newcomers
%C%_test_holdings_newcomers_SOURCES = %D%/test_holdings_newcomers.c $(holdings_fixture)
%C%_test_holdings_newcomers_LDADD = core/holdings/libholdings.la $(ledger_test_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
