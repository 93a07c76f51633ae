# core/client: see the patterns at the top of Makefile.am.
