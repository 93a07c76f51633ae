# core/holdings: who holds access licences and seats until when, and who presented which embedded key.
noinst_LTLIBRARIES += %D%/libholdings.la
%C%_libholdings_la_SOURCES = \
	%D%/access.c \
	%D%/capacity.c \
	%D%/embedded.c \
	%D%/entered.c \
	%D%/group.c \
	%D%/holdings.c %D%/holdings.h \
	%D%/internal.h \
	%D%/lines.c \
	%D%/moved.c \
	%D%/newcomers.c \
	%D%/over.c \
	%D%/report.c \
	%D%/reserved.c \
	%D%/rules.c %D%/rules.h \
	%D%/seats.c \
	%D%/take_back.c
holdings_libs = %D%/libholdings.la $(activation_libs)
