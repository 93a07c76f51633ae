# core/activation: what entitles this host: packs, keys, its own activation, counted keys.
noinst_LTLIBRARIES += %D%/libactivation.la
%C%_libactivation_la_SOURCES = \
	%D%/activation.h
%C%_libactivation_la_LIBADD =
activation_libs = %D%/libactivation.la
