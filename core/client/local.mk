# core/client: libhttp (one HTTP question, also used by core/cli and core/issuer).
noinst_LTLIBRARIES += %D%/libhttp.la
%C%_libhttp_la_SOURCES = %D%/http.c %D%/http.h
http_libs = %D%/libhttp.la $(base_libs) $(CURL_LIBS)
