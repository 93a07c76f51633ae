# core/cli: see the patterns at the top of Makefile.am.
