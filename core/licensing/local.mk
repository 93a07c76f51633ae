# core/licensing: pure decisions of the licensing models.
noinst_LTLIBRARIES += %D%/liblicensing.la
%C%_liblicensing_la_SOURCES = \
	%D%/pool.c %D%/pool.h \
	%D%/threshold.c %D%/threshold.h
licensing_libs = %D%/liblicensing.la $(base_libs)
