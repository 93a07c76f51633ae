# core/base: what every other folder may use. Needs libcrypto only.
noinst_LTLIBRARIES += %D%/libbase.la %D%/libtestclock.la
%C%_libbase_la_SOURCES = \
	%D%/arena.c %D%/arena.h \
	%D%/buf.c %D%/buf.h \
	%D%/bytes.c %D%/bytes.h \
	%D%/clock.c %D%/clock.h \
	%D%/codes.c %D%/codes.h \
	%D%/err.c %D%/err.h \
	%D%/file.c %D%/file.h \
	%D%/hardware.c %D%/hardware.h \
	%D%/json_depth.c %D%/json_depth.h \
	%D%/log.c %D%/log.h \
	%D%/mem.c %D%/mem.h \
	%D%/nearest.c %D%/nearest.h \
	%D%/utf8.c %D%/utf8.h \
	%D%/uuid.c %D%/uuid.h \
	%D%/verdict.c %D%/verdict.h
base_libs = %D%/libbase.la $(OPENSSL_LIBS)

# clock_file(): for test programs only, hence a library of its own.
%C%_libtestclock_la_SOURCES = %D%/clock_file.c
testclock_libs = %D%/libtestclock.la $(base_libs)

# QR codes: only for programs that show or read them.
noinst_LTLIBRARIES += %D%/libqr.la
%C%_libqr_la_SOURCES = %D%/qr.c %D%/qr.h %D%/qr_read.c
qr_libs = %D%/libqr.la $(base_libs) $(QRENCODE_LIBS) $(ZBAR_LIBS) $(PNG_LIBS)
