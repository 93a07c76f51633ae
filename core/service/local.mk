# core/service: the daemon's listeners, client API, admin API.
noinst_LTLIBRARIES += %D%/libservice.la
%C%_libservice_la_SOURCES = \
	%D%/activate.c %D%/activate.h \
	%D%/address.c %D%/address.h \
	%D%/admin.c %D%/admin.h \
	%D%/admin_activation.c \
	%D%/admin_catalog.c \
	%D%/admin_configuration.c \
	%D%/admin_counted.c \
	%D%/admin_crl.c \
	%D%/admin_doctor.c \
	%D%/admin_estate.c \
	%D%/admin_holdings.c \
	%D%/admin_host.c \
	%D%/admin_import.c \
	%D%/admin_json.c \
	%D%/admin_listing.c \
	%D%/admin_policy.c \
	%D%/admin_media.c \
	%D%/admin_observed.c \
	%D%/admin_records.c \
	%D%/admin_rest.c \
	%D%/admin_rules.c \
	%D%/admin_state.c \
	%D%/admin_settings.c \
	%D%/admission.c %D%/admission.h \
	%D%/api.h \
	%D%/api_activate.c \
	%D%/api_counted.c \
	%D%/api_holdings.c \
	%D%/api_host.c \
	%D%/api_release.c \
	%D%/connection.c %D%/connection.h \
	%D%/daemon.c %D%/service.h \
	%D%/doctor.c %D%/doctor.h %D%/doctor_estate.c %D%/doctor_gather.c %D%/doctor_rules.c \
	%D%/holder.c %D%/holder.h \
	%D%/http.c %D%/http.h \
	%D%/listener.c %D%/listener.h \
	%D%/members.c %D%/members.h \
	%D%/moving.h %D%/moving_export.h %D%/moving_import.h \
	%D%/networks.c %D%/networks.h \
	%D%/options.c %D%/options.h \
	%D%/peek.c %D%/peek.h \
	%D%/peer.c %D%/peer.h \
	%D%/plugins.c %D%/plugins.h \
	%D%/privileges.c %D%/privileges.h \
	%D%/problem.c %D%/problem.h \
	%D%/rate.c %D%/rate.h \
	%D%/reload.c %D%/reload.h \
	%D%/renewal.c %D%/renewal.h \
	%D%/request.c %D%/request.h \
	%D%/settings.c %D%/settings.h \
	%D%/start.c %D%/start.h \
	%D%/state_export.c \
	%D%/state_file.c %D%/state_file.h \
	%D%/state_import.c \
	%D%/state_merge.c \
	%D%/state_observed.c \
	%D%/state_rows.c \
	%D%/state_spool.c \
	%D%/state_write.c \
	%D%/state.c %D%/state.h \
	%D%/tls.c %D%/tls.h
service_libs = %D%/libservice.la $(estate_libs) $(holdings_libs) $(ledger_libs) $(catalog_libs) $(trust_libs) $(config_libs) $(store_libs) $(MHD_LIBS) $(GNUTLS_LIBS) $(JANSSON_LIBS) $(SYSTEMD_LIBS)
