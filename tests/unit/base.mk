# Unit tests of core/base: see the pattern at the top of Makefile.am.
unit_tests += \
	%D%/test_buf \
	%D%/test_bytes \
	%D%/test_clock \
	%D%/test_codes \
	%D%/test_err \
	%D%/test_file \
	%D%/test_log \
	%D%/test_mem \
	%D%/test_qr \
	%D%/test_utf8 \
	%D%/test_uuid
%C%_test_buf_LDADD = $(base_libs) $(CHECK_LIBS)
%C%_test_bytes_LDADD = $(base_libs) $(CHECK_LIBS)
%C%_test_clock_LDADD = $(testclock_libs) $(CHECK_LIBS)
%C%_test_codes_LDADD = $(base_libs) $(CHECK_LIBS)
%C%_test_err_LDADD = $(base_libs) $(CHECK_LIBS)
%C%_test_file_LDADD = $(base_libs) $(CHECK_LIBS)
%C%_test_log_LDADD = $(base_libs) $(CHECK_LIBS)
%C%_test_mem_LDADD = $(base_libs) $(CHECK_LIBS)
%C%_test_qr_LDADD = $(qr_libs) $(CHECK_LIBS)
%C%_test_utf8_LDADD = $(base_libs) $(CHECK_LIBS)
%C%_test_uuid_LDADD = $(base_libs) $(CHECK_LIBS)
