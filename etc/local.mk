# etc: see the patterns at the top of Makefile.am.
EXTRA_DIST += %D%/muster.conf
