# core/holdings: who holds access licences and seats until when, and who presented which embedded key.
noinst_LTLIBRARIES += %D%/libholdings.la
%C%_libholdings_la_SOURCES = \
	%D%/capacity.c \
	%D%/embedded.c \
	%D%/group.c \
	%D%/holdings.c %D%/holdings.h \
	%D%/internal.h
holdings_libs = %D%/libholdings.la $(activation_libs)
