# Unit tests of core/store: see the pattern at the top of Makefile.am.
unit_tests += %D%/test_store_log
%C%_test_store_log_SOURCES = %D%/test_store_log.c %D%/store_both.h %D%/store_help.h
%C%_test_store_log_LDADD = $(store_libs) $(CHECK_LIBS)
unit_tests += %D%/test_store_state
%C%_test_store_state_SOURCES = %D%/test_store_state.c %D%/store_both.h %D%/store_help.h
%C%_test_store_state_LDADD = $(store_libs) $(CHECK_LIBS)
unit_tests += %D%/test_store_records
%C%_test_store_records_SOURCES = %D%/test_store_records.c %D%/store_both.h %D%/store_help.h
%C%_test_store_records_LDADD = $(store_libs) $(CHECK_LIBS)
unit_tests += %D%/test_store_sqlite
%C%_test_store_sqlite_SOURCES = %D%/test_store_sqlite.c %D%/store_help.h %D%/store_schema_1.h
%C%_test_store_sqlite_LDADD = $(store_libs) $(CHECK_LIBS)
unit_tests += %D%/test_store_memory
%C%_test_store_memory_SOURCES = %D%/test_store_memory.c %D%/store_help.h
%C%_test_store_memory_LDADD = $(store_libs) $(CHECK_LIBS)
