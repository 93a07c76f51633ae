# Unit tests of core/exchange.
unit_tests += %D%/test_exchange_medium
%C%_test_exchange_medium_LDADD = $(exchange_libs) $(CHECK_LIBS)
unit_tests += %D%/test_exchange_write %D%/test_exchange_anonymise
%C%_test_exchange_write_LDADD = $(exchange_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
%C%_test_exchange_anonymise_LDADD = $(exchange_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
unit_tests += %D%/test_exchange_text
%C%_test_exchange_text_LDADD = $(exchange_libs) $(CHECK_LIBS)
unit_tests += %D%/test_exchange_listing
%C%_test_exchange_listing_LDADD = $(cli_libs) $(exchange_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
EXTRA_DIST += %D%/data/dli-windows7-client.txt
unit_tests += %D%/test_exchange_events
%C%_test_exchange_events_LDADD = $(exchange_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
unit_tests += %D%/test_exchange_table
%C%_test_exchange_table_LDADD = $(exchange_libs) $(JANSSON_LIBS) $(CHECK_LIBS)
