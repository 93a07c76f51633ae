# Unit tests of core/client: see the pattern at the top of Makefile.am.
unit_tests += %D%/test_http
%C%_test_http_SOURCES = %D%/test_http.c %D%/fakehost.c %D%/fakehost.h
%C%_test_http_LDADD = $(http_libs) $(CHECK_LIBS)
