# core/activation: what entitles this host: packs, keys, its own activation, counted keys.
noinst_LTLIBRARIES += %D%/libactivation.la
%C%_libactivation_la_SOURCES = \
	%D%/activation.c %D%/activation.h \
	%D%/anchor.c \
	%D%/binding.c \
	%D%/certificate.c \
	%D%/crl.c \
	%D%/internal.h \
	%D%/jobs.c \
	%D%/keys.c \
	%D%/labels.c \
	%D%/offline.c \
	%D%/packs.c \
	%D%/records.c \
	%D%/rekey.c %D%/rest.h
activation_libs = %D%/libactivation.la
