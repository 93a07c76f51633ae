# core/client: libhttp (one HTTP question, also used by core/cli and core/issuer), libclient (everything of libmuster, for
# programs and tests of this tree), and libmuster, the shared library that applications link.
noinst_LTLIBRARIES += %D%/libhttp.la %D%/libclient.la
%C%_libhttp_la_SOURCES = %D%/http.c %D%/http.h
http_libs = %D%/libhttp.la $(base_libs) $(CURL_LIBS)

%C%_libclient_la_SOURCES = \
	%D%/access.c \
	%D%/answer.c %D%/answer.h %D%/answer_models.c \
	%D%/ask.c %D%/ask_after.c %D%/asking.h \
	%D%/client.c %D%/client_private.h \
	%D%/counted.c %D%/counted.h \
	%D%/doctor.c %D%/doctor.h %D%/doctor_facts.c \
	%D%/events.c \
	%D%/facts.c \
	%D%/grant.c \
	%D%/hosts.c %D%/hosts.h \
	%D%/release.c \
	%D%/revoked.c \
	%D%/state.c %D%/state.h \
	%D%/status.c \
	%D%/verify.c
client_libs = %D%/libclient.la $(http_libs) $(trust_libs)

# Symbols are limited to muster_*: what an application links beside it cannot collide with our folders' names.
lib_LTLIBRARIES += libmuster.la
libmuster_la_SOURCES =
# Each convenience library once: libtool takes them whole.
libmuster_la_LIBADD = %D%/libclient.la %D%/libhttp.la core/trust/libtrust.la core/base/libbase.la $(CURL_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS)
libmuster_la_LDFLAGS = $(AM_LDFLAGS) -version-info 2:0:2 -no-undefined -export-symbols-regex '^muster_' -Wl,-z,defs
publicheader_HEADERS += include/muster/client.h
