# Checkers that read the sources with the flags of the build. Called by ./check --full.
lint_sources = $(shell cd $(top_srcdir) && find core plugins -name '*.c' | sort)

lint-tidy: $(addprefix lint-tidy/,$(lint_sources))
lint-tidy/%:
	cd $(top_srcdir) && clang-tidy --quiet $* -- -std=gnu11 $(DEFS) -I. -Iinclude $(lint_flags)

lint-cppcheck:
	cd $(top_srcdir) && cppcheck -q -j 2 --std=c11 --language=c --enable=warning,portability,performance --inline-suppr \
		--suppressions-list=etc/build-aux/cppcheck.txt --error-exitcode=1 $(DEFS) -D__GNUC__=12 -D__linux__=1 \
		-D__STDC_VERSION__=201112L $(filter -D%,$(lint_flags)) -I. -Iinclude \
		--include=etc/build-aux/cppcheck.h \
		core plugins

.PHONY: lint-tidy lint-cppcheck
