# Unit tests of core/cli.
unit_tests += %D%/test_listing
%C%_test_listing_LDADD = $(cli_libs) $(CHECK_LIBS)
EXTRA_DIST += %D%/data/dlv-office2013.txt %D%/data/dli-server2008r2-host.txt
