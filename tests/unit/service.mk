# Unit tests of core/service: see the pattern at the top of Makefile.am.
unit_tests += %D%/test_service_activate
%C%_test_service_activate_LDADD = $(service_libs) $(CHECK_LIBS)
unit_tests += %D%/test_service_connection
%C%_test_service_connection_LDADD = $(service_libs) $(CHECK_LIBS)
unit_tests += %D%/test_service_networks
%C%_test_service_networks_LDADD = $(service_libs) $(CHECK_LIBS)
unit_tests += %D%/test_service_peek
%C%_test_service_peek_LDADD = $(service_libs) $(CHECK_LIBS)
unit_tests += %D%/test_service_peer
%C%_test_service_peer_LDADD = $(service_libs) $(CHECK_LIBS)
unit_tests += %D%/test_service_problem
%C%_test_service_problem_LDADD = $(service_libs) $(CHECK_LIBS)
unit_tests += %D%/test_service_rate
%C%_test_service_rate_LDADD = $(service_libs) $(CHECK_LIBS)
unit_tests += %D%/test_service_settings
%C%_test_service_settings_LDADD = $(service_libs) $(CHECK_LIBS)
