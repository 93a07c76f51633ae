# tests/refusals: a fixture for every way an input can be wrong, each asserting the whole message.
unit_tests += %D%/test_config_refusals
%C%_test_config_refusals_SOURCES = %D%/test_config_refusals.c tests/unit/config_files.h
%C%_test_config_refusals_LDADD = $(config_libs) $(CHECK_LIBS)
