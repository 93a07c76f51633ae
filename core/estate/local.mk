# core/estate: the administrator's books: organisations, agreements, orders, products, keys, requests, observed hosts, machines and events.
# libestatekinds is the table of kinds and fields alone: musterctl and the readers of core/exchange use it without the rest.
noinst_LTLIBRARIES += %D%/libestatekinds.la %D%/libestate.la
%C%_libestatekinds_la_SOURCES = %D%/kinds.c %D%/kinds_check.c %D%/kinds_value.c %D%/kinds_value.h %D%/kinds.h %D%/names_fold.c %D%/names_fold.h
%C%_libestate_la_SOURCES = \
	%D%/estate.c %D%/estate.h \
	%D%/entries.c \
	%D%/filter.c \
	%D%/history.c \
	%D%/import.c \
	%D%/import_entries.c \
	%D%/import_listing.c \
	%D%/keys.c \
	%D%/listing_index.c %D%/listing_product.c %D%/listings.h \
	%D%/names.c %D%/names.h \
	%D%/products.c \
	%D%/records.c \
	%D%/stage.c %D%/stage_commit.c %D%/stage_names.c %D%/stage.h \
	%D%/view.c %D%/view.h \
	%D%/findings.c \
	%D%/gaps.c \
	%D%/observed.c %D%/observed.h \
	%D%/observed_count.c \
	%D%/observed_list.c \
	%D%/observed_record.c \
	%D%/pools.c \
	%D%/internal.h
estatekinds_libs = %D%/libestatekinds.la $(base_libs) $(JANSSON_LIBS)
estate_libs = %D%/libestate.la %D%/libestatekinds.la $(activation_libs)
