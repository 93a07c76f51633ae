# MUSTER_TRY_FLAG(VARIABLE, FLAG, [EXTRA])
# Append FLAG to VARIABLE when the compiler takes it without a complaint, both compiling and linking.
AC_DEFUN([MUSTER_TRY_FLAG], [
	AS_VAR_PUSHDEF([cache], [muster_cv_flag_$2])
	AC_CACHE_CHECK([whether $CC accepts $2], [cache], [
		muster_save_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS -Werror $2"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <string.h>]], [[char b[8]; memset(b, 0, sizeof b); return b[0];]])],
			[AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
		CFLAGS=$muster_save_CFLAGS
	])
	AS_VAR_IF([cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
	AS_VAR_POPDEF([cache])
])

# Warnings (style.md section J). Only those the compiler knows: gcc and clang differ.
AC_DEFUN([MUSTER_WARNINGS], [
	WARN_CFLAGS=
	m4_foreach_w([flag], [-Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
		-Wcast-qual -Wwrite-strings -Wundef -Wvla -Wconversion -Wnull-dereference -Wlogical-op -Wduplicated-cond
		-Wimplicit-fallthrough -fno-common],
		[MUSTER_TRY_FLAG([WARN_CFLAGS], flag)])
	AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors])], [], [enable_werror=no])
	AS_IF([test "x$enable_werror" = xyes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
	AC_SUBST([WARN_CFLAGS])
])

# --enable-sanitizer=LIST: what -fsanitize takes.
AC_DEFUN([MUSTER_SANITIZER], [
	AC_ARG_ENABLE([sanitizer],
		[AS_HELP_STRING([--enable-sanitizer=LIST], [build with -fsanitize=LIST, for example address,undefined or thread])],
		[], [enable_sanitizer=no])
	AS_IF([test "x$enable_sanitizer" = xyes], [AC_MSG_ERROR([--enable-sanitizer needs a list, for example address,undefined])])
	SANITIZER_CFLAGS=
	AS_IF([test "x$enable_sanitizer" != xno], [
		muster_save_CFLAGS=$CFLAGS
		SANITIZER_CFLAGS="-fsanitize=$enable_sanitizer -fno-sanitize-recover=all -fno-omit-frame-pointer"
		CFLAGS="$CFLAGS $SANITIZER_CFLAGS"
		AC_MSG_CHECKING([whether $CC can build with $SANITIZER_CFLAGS])
		AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
			[AC_MSG_RESULT([no]); AC_MSG_ERROR([$CC cannot build with -fsanitize=$enable_sanitizer])])
		CFLAGS=$muster_save_CFLAGS
		AC_DEFINE([MUSTER_SANITIZED], [1], [built with a sanitizer: tests that limit address space are skipped])
	])
	AM_CONDITIONAL([SANITIZED], [test "x$enable_sanitizer" != xno])
	AC_SUBST([SANITIZER_CFLAGS])
])

# Hardening, on by default. Not together with a sanitizer: both replace the same functions.
AC_DEFUN([MUSTER_HARDENING], [
	AC_ARG_ENABLE([hardening], [AS_HELP_STRING([--disable-hardening], [no fortified functions, stack protector, CET, PIE, relro, now])],
		[], [enable_hardening=yes])
	HARDEN_CFLAGS= HARDEN_LDFLAGS= PIE_CFLAGS= PIE_LDFLAGS=
	AS_IF([test "x$enable_hardening" = xyes], [
		AS_IF([test "x$enable_sanitizer" = xno], [
			# Fails, as it should, without optimisation: _FORTIFY_SOURCE then only warns.
			MUSTER_TRY_FLAG([HARDEN_CFLAGS], [-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3])
		])
		m4_foreach_w([flag], [-fstack-protector-strong -fstack-clash-protection -fcf-protection=full],
			[MUSTER_TRY_FLAG([HARDEN_CFLAGS], flag)])
		m4_foreach([flag], [[-Wl,-z,relro], [-Wl,-z,now], [-Wl,-z,noexecstack]],
			[MUSTER_TRY_FLAG([HARDEN_LDFLAGS], m4_quote(flag))])
		AC_MSG_CHECKING([whether $CC makes position-independent programs by itself])
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
			#if !defined(__PIE__) && !defined(__pie__)
			#error not by itself
			#endif]], [])], [AC_MSG_RESULT([yes])],
			[AC_MSG_RESULT([no]); PIE_CFLAGS=-fPIE; PIE_LDFLAGS=-pie])
	])
	AC_SUBST([HARDEN_CFLAGS])
	AC_SUBST([HARDEN_LDFLAGS])
	AC_SUBST([PIE_CFLAGS])
	AC_SUBST([PIE_LDFLAGS])
])

AC_DEFUN([MUSTER_COVERAGE], [
	AC_ARG_ENABLE([code-coverage], [AS_HELP_STRING([--enable-code-coverage], [instrument for gcov])], [], [enable_code_coverage=no])
	COVERAGE_CFLAGS=
	AS_IF([test "x$enable_code_coverage" = xyes], [COVERAGE_CFLAGS="--coverage -O0"])
	AC_SUBST([COVERAGE_CFLAGS])
])

# --enable-fuzzers: link the fuzz targets with libFuzzer (clang). Without it they read files and replay the corpus.
AC_DEFUN([MUSTER_FUZZERS], [
	AC_ARG_ENABLE([fuzzers], [AS_HELP_STRING([--enable-fuzzers], [link fuzz targets with libFuzzer (needs clang)])], [], [enable_fuzzers=no])
	FUZZ_CFLAGS= FUZZ_LDFLAGS=
	AS_IF([test "x$enable_fuzzers" = xyes], [
		FUZZ_CFLAGS=-fsanitize=fuzzer-no-link
		FUZZ_LDFLAGS=-fsanitize=fuzzer
		muster_save_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS $FUZZ_CFLAGS"
		AC_MSG_CHECKING([whether $CC has libFuzzer])
		AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
			[AC_MSG_RESULT([no]); AC_MSG_ERROR([--enable-fuzzers needs clang: configure with CC=clang])])
		CFLAGS=$muster_save_CFLAGS
	])
	AM_CONDITIONAL([FUZZERS], [test "x$enable_fuzzers" = xyes])
	AC_SUBST([FUZZ_CFLAGS])
	AC_SUBST([FUZZ_LDFLAGS])
])
