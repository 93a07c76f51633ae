# core/holdings: who holds access licences and seats until when, and who presented which embedded key.
# noinst_LTLIBRARIES += %D%/libholdings.la
