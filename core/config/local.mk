# core/config: muster.conf and products.d, read through schema tables.
noinst_LTLIBRARIES += %D%/libconfig.la
%C%_libconfig_la_SOURCES = \
	%D%/address.c %D%/address.h \
	%D%/claims.c %D%/claims.h \
	%D%/config.h \
	%D%/finish.c \
	%D%/lines.c %D%/lines.h \
	%D%/lists.c %D%/lists.h \
	%D%/memory.c %D%/memory.h \
	%D%/number.c \
	%D%/print.c \
	%D%/read.c %D%/reading.h \
	%D%/report.c %D%/report.h \
	%D%/schema.c %D%/schema.h \
	%D%/sections.c \
	%D%/source.c \
	%D%/value.c %D%/value.h
config_libs = %D%/libconfig.la $(base_libs) $(INIH_LIBS)
