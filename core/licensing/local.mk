# core/licensing: pure decisions of the licensing models.
noinst_LTLIBRARIES += %D%/liblicensing.la
%C%_liblicensing_la_SOURCES = \
	%D%/access.c %D%/access.h \
	%D%/pool.c %D%/pool.h \
	%D%/seats.c %D%/seats.h \
	%D%/threshold.c %D%/threshold.h
licensing_libs = %D%/liblicensing.la $(base_libs)
