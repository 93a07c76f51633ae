# Unit tests of core/cli.
unit_tests += %D%/test_listing
unit_tests += %D%/test_answer_file %D%/test_dialogue %D%/test_setup_plan
%C%_test_answer_file_LDADD = %D%/libtrustfixture.la $(cli_libs) $(CHECK_LIBS)
%C%_test_dialogue_LDADD = $(cli_libs) $(CHECK_LIBS)
%C%_test_setup_plan_LDADD = $(cli_libs) $(CHECK_LIBS)
unit_tests += %D%/test_advise %D%/test_request_rules
%C%_test_request_rules_LDADD = $(cli_libs) $(CHECK_LIBS)
%C%_test_advise_LDADD = $(cli_libs) $(CHECK_LIBS)
%C%_test_listing_LDADD = $(cli_libs) $(CHECK_LIBS)
EXTRA_DIST += %D%/data/dlv-office2013.txt %D%/data/dli-server2008r2-host.txt
