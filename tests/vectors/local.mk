# tests/vectors: one flow of keys and digits (trust-vectors.json), one lease per algorithm with everything needed to verify it, and the program that made them.
check_PROGRAMS += %D%/make-lease
%C%_make_lease_SOURCES = %D%/make_lease.c
%C%_make_lease_LDADD = $(trust_libs)
EXTRA_DIST += %D%/lease-es256.json %D%/lease-ed25519.json %D%/trust-vectors.json %D%/README.md
