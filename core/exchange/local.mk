# core/exchange: reading and writing administrators' files: installation media.
noinst_LTLIBRARIES += %D%/libexchange.la
%C%_libexchange_la_SOURCES = %D%/folder.c %D%/image.c %D%/internal.h %D%/medium.c %D%/medium.h
exchange_libs = %D%/libexchange.la $(base_libs) $(ARCHIVE_LIBS)
