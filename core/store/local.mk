# core/store: the log and the state, in SQLite files or in memory.
noinst_LTLIBRARIES += %D%/libstore.la
%C%_libstore_la_SOURCES = \
	%D%/books_log.c %D%/books_log.h \
	%D%/issuer_books.h \
	%D%/memory.h \
	%D%/memory_fold.c %D%/memory_fold.h \
	%D%/memory_holding.c \
	%D%/memory_record.c \
	%D%/memory_state.c \
	%D%/memory_take.c \
	%D%/rules.c %D%/rules.h \
	%D%/sqlite.h \
	%D%/sqlite_backup.c \
	%D%/sqlite_books.c %D%/sqlite_books.h \
	%D%/sqlite_books_confirm.c %D%/sqlite_books_confirm.h \
	%D%/sqlite_books_places.c \
	%D%/sqlite_books_replay.c \
	%D%/sqlite_books_certificates.c \
	%D%/sqlite_books_keys.c \
	%D%/sqlite_books_names.c \
	%D%/sqlite_books_packs.c \
	%D%/sqlite_db.c %D%/sqlite_db.h \
	%D%/sqlite_fold.c \
	%D%/sqlite_holding.c \
	%D%/sqlite_list.c \
	%D%/sqlite_log.c \
	%D%/sqlite_names.c \
	%D%/sqlite_record.c \
	%D%/sqlite_observed.c %D%/sqlite_observed.h \
	%D%/sqlite_observed_backup.c \
	%D%/sqlite_observed_list.c \
	%D%/sqlite_observed_put.c \
	%D%/sqlite_schema.c \
	%D%/sqlite_state.c %D%/sqlite_state.h \
	%D%/sqlite_take.c \
	%D%/store.h %D%/store_observed.h \
	%D%/store_memory.c %D%/store_memory.h \
	%D%/store_sqlite.c \
	%D%/table.c %D%/table.h
store_libs = %D%/libstore.la $(base_libs) $(SQLITE_LIBS) $(JANSSON_LIBS)
