# core/catalog: plugins, descriptors, products; the conformance suite.
noinst_LTLIBRARIES += %D%/libcatalog.la
%C%_libcatalog_la_SOURCES = \
	%D%/catalog.c %D%/catalog.h %D%/catalog_private.h \
	%D%/check.c \
	%D%/claims.c %D%/claims.h \
	%D%/compare.c \
	%D%/conformance.c %D%/conformance.h %D%/conformance_private.h \
	%D%/conformance_child.c \
	%D%/conformance_hooks.c \
	%D%/exports.c %D%/exports.h \
	%D%/index.c \
	%D%/keys.c %D%/keys.h \
	%D%/lint.c %D%/lint.h \
	%D%/lint_models.c \
	%D%/lint_product.c \
	%D%/loader.c %D%/loader.h \
	%D%/medium.c %D%/medium.h %D%/medium_text.c \
	%D%/merge.c %D%/merge.h \
	%D%/merge_models.c \
	%D%/reservations.c \
	%D%/options.c %D%/options.h \
	%D%/plugins.c \
	%D%/watch.c %D%/watch.h \
	%D%/watch_page.c %D%/watch_page.h
catalog_libs = %D%/libcatalog.la $(config_libs) $(LTDL_LIBS)
