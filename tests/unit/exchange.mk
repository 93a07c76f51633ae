# Unit tests of core/exchange.
unit_tests += %D%/test_exchange_medium
%C%_test_exchange_medium_LDADD = $(exchange_libs) $(CHECK_LIBS)
