# Unit tests of core/config: see the pattern at the top of Makefile.am.
EXTRA_DIST += %D%/config_files.h
