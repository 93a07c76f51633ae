# core/service: see the patterns at the top of Makefile.am.
