# tests/faults: what is left after the Nth call to the disk or for memory failed.
# libvfsfail: a failing file layer below SQLite, for any test (vfs_fail.h); link $(vfs_fail_libs) before the store's libraries.
check_LTLIBRARIES += %D%/libvfsfail.la
%C%_libvfsfail_la_SOURCES = %D%/vfs_fail.c %D%/vfs_fail.h
vfs_fail_libs = %D%/libvfsfail.la

unit_tests += %D%/test_store_vfs %D%/test_store_alloc
%C%_test_store_vfs_SOURCES = %D%/test_store_vfs.c %D%/store_workload.c %D%/store_workload.h
%C%_test_store_vfs_LDADD = $(vfs_fail_libs) $(store_libs) $(CHECK_LIBS)
%C%_test_store_alloc_SOURCES = %D%/test_store_alloc.c %D%/store_workload.c %D%/store_workload.h
%C%_test_store_alloc_LDADD = $(store_libs) $(CHECK_LIBS)
unit_tests += %D%/test_store_migrate
%C%_test_store_migrate_SOURCES = %D%/test_store_migrate.c tests/unit/store_schema_1.h tests/unit/store_schema_3.h tests/unit/store_schema_4.h
%C%_test_store_migrate_LDADD = $(vfs_fail_libs) $(store_libs) $(CHECK_LIBS)
unit_tests += %D%/test_books_vfs
%C%_test_books_vfs_SOURCES = %D%/test_books_vfs.c
%C%_test_books_vfs_LDADD = $(vfs_fail_libs) $(store_libs) $(CHECK_LIBS)

# The same for the whole ledger. MUSTER_FAULTS=all takes every call, else as many as 20 seconds allow.
ledger_workload = %D%/ledger_workload.c %D%/ledger_workload.h %D%/faults.h $(ledger_fixture)
unit_tests += %D%/test_ledger_vfs
%C%_test_ledger_vfs_SOURCES = %D%/test_ledger_vfs.c $(ledger_workload)
%C%_test_ledger_vfs_LDADD = $(vfs_fail_libs) $(ledger_test_libs) $(CHECK_LIBS)
unit_tests += %D%/test_ledger_alloc
%C%_test_ledger_alloc_SOURCES = %D%/test_ledger_alloc.c $(ledger_workload)
%C%_test_ledger_alloc_LDADD = $(ledger_test_libs) $(CHECK_LIBS)
