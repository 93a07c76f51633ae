# core/exchange: reading and writing administrators' files: installation media.
noinst_LTLIBRARIES += %D%/libexchange.la
%C%_libexchange_la_SOURCES = %D%/folder.c %D%/image.c %D%/internal.h %D%/medium.c %D%/medium.h %D%/record.h \
	%D%/anonymise.c %D%/bundle.c %D%/bundle.h %D%/columns.c %D%/formula.c %D%/write.c
%C%_libexchange_la_SOURCES += %D%/text.c %D%/text.h %D%/text_guess.c
%C%_libexchange_la_SOURCES += %D%/events.c %D%/events.h %D%/events_csv.c %D%/events_date.c %D%/events_fields.c %D%/events_fold.c %D%/events_text.c %D%/events_xml.c
%C%_libexchange_la_SOURCES += %D%/listing.c %D%/listing.h %D%/listing_doubts.c %D%/listing_host.c %D%/listing_labels.c %D%/read.c %D%/zone.c %D%/zone.h
%C%_libexchange_la_SOURCES += %D%/json.c %D%/table.c %D%/table.h %D%/table_cells.c %D%/table_head.c %D%/table_rows.c
exchange_libs = %D%/libexchange.la $(estatekinds_libs) $(base_libs) $(ARCHIVE_LIBS) $(EXPAT_LIBS) $(CSV_LIBS)
