# Unit tests of core/config: see the pattern at the top of Makefile.am.
unit_tests += %D%/test_config %D%/test_config_value
%C%_test_config_SOURCES = %D%/test_config.c %D%/config_files.h
%C%_test_config_LDADD = $(config_libs) $(CHECK_LIBS)
%C%_test_config_value_LDADD = $(config_libs) $(CHECK_LIBS)
# Brings etc/muster.conf and docs/muster.conf.5 up to date with the schema.
check_PROGRAMS += %D%/config_print
%C%_config_print_LDADD = $(config_libs)
