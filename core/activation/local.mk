# core/activation: what entitles this host: packs, keys, its own activation, counted keys.
noinst_LTLIBRARIES += %D%/libactivation.la
%C%_libactivation_la_SOURCES = \
	%D%/activation.c %D%/activation.h \
	%D%/agreement.c \
	%D%/anchor.c \
	%D%/binding.c \
	%D%/certificate.c \
	%D%/counted.c %D%/counted.h \
	%D%/counted_admin.c \
	%D%/counted_store.c \
	%D%/crl.c \
	%D%/internal.h \
	%D%/issuer_answer.c %D%/issuer_answer.h \
	%D%/issuer_client.c %D%/issuer_client.h \
	%D%/jobs.c \
	%D%/keys.c \
	%D%/labels.c \
	%D%/licenses.c \
	%D%/moved.c \
	%D%/offline.c \
	%D%/online.c %D%/online.h \
	%D%/packs.c \
	%D%/proxy.c %D%/proxy.h \
	%D%/records.c \
	%D%/rekey.c %D%/rest.h \
	%D%/renewal.c \
	%D%/roots.c
activation_libs = %D%/libactivation.la $(CURL_LIBS)
