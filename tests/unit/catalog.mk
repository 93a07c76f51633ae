# Unit tests of core/catalog: see the pattern at the top of Makefile.am. They load plugins of the build tree.
unit_tests += %D%/test_catalog %D%/test_catalog_check %D%/test_catalog_claims %D%/test_catalog_lint %D%/test_medium
%C%_test_medium_LDADD = $(catalog_libs) $(CHECK_LIBS)
%C%_test_catalog_LDADD = $(catalog_libs) $(CHECK_LIBS)
%C%_test_catalog_check_LDADD = $(catalog_libs) $(CHECK_LIBS)
%C%_test_catalog_claims_LDADD = $(catalog_libs) $(CHECK_LIBS)
%C%_test_catalog_lint_LDADD = $(catalog_libs) $(CHECK_LIBS)
unit_tests += %D%/test_catalog_watch
%C%_test_catalog_watch_LDADD = $(catalog_libs) $(CHECK_LIBS)
