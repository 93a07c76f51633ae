# etc: see the patterns at the top of Makefile.am.
# The sample configuration, complete and commented, and the plugin to copy from. What lies in /etc/muster is the administrator's:
# host.conf (as muster.conf) and the product files are laid down there where there is none, never replaced, and taken away
# again only as long as nobody has changed them.
examplesdir = $(docdir)/examples
dist_examples_DATA = %D%/muster.conf %D%/host.conf plugins/sample/sample.c
product_files = \
	%D%/products.d/office2010.ini \
	%D%/products.d/office2016.ini \
	%D%/products.d/office2019.ini \
	%D%/products.d/office-ltsc-2021.ini \
	%D%/products.d/office-ltsc-2024.ini \
	%D%/products.d/windows-esu.ini
EXTRA_DIST += $(product_files)
# FILE:PLACE where the place is not products.d and the file's own name.
own_files = %D%/host.conf:muster.conf $(product_files)
install-data-hook: install-configuration $(sysusers_install)
uninstall-hook: uninstall-configuration $(sysusers_uninstall)
install-configuration:
	@$(MKDIR_P) "$(DESTDIR)$(sysconfdir)/muster/products.d"
	@for pair in $(own_files); do \
		case $$pair in *:*) place=$${pair#*:} ;; *) place=products.d/$${pair##*/} ;; esac; \
		to="$(DESTDIR)$(sysconfdir)/muster/$$place"; \
		if test -e "$$to"; then echo "$$to is there and stays as it is"; \
		else $(INSTALL_DATA) "$(srcdir)/$${pair%%:*}" "$$to" || exit 1; fi; \
	done
uninstall-configuration:
	@for pair in $(own_files); do \
		case $$pair in *:*) place=$${pair#*:} ;; *) place=products.d/$${pair##*/} ;; esac; \
		to="$(DESTDIR)$(sysconfdir)/muster/$$place"; \
		if cmp -s "$(srcdir)/$${pair%%:*}" "$$to"; then rm -f "$$to"; fi; \
	done
.PHONY: install-configuration uninstall-configuration
pkgconfig_DATA += %D%/muster-plugin.pc
pkgconfig_DATA += %D%/muster.pc

# Units of the service manager. In the prefix, so that installing without root works; a package moves them.
EXTRA_DIST += %D%/muster.service.in
if HAVE_SYSTEMD
systemdunitdir = $(prefix)/lib/systemd/system
nodist_systemdunit_DATA = %D%/muster.service
dist_systemdunit_DATA = %D%/muster.socket
sysusersdir = $(prefix)/lib/sysusers.d
dist_sysusers_DATA = %D%/muster.sysusers
sysusers_install = rename-sysusers
sysusers_uninstall = remove-sysusers
else
EXTRA_DIST += %D%/muster.socket %D%/muster.sysusers
endif
# sysusers.d takes names that end in .conf only.
rename-sysusers:
	mv -f "$(DESTDIR)$(sysusersdir)/muster.sysusers" "$(DESTDIR)$(sysusersdir)/muster.conf"
remove-sysusers:
	rm -f "$(DESTDIR)$(sysusersdir)/muster.conf"
.PHONY: rename-sysusers remove-sysusers
%D%/muster.service: $(srcdir)/%D%/muster.service.in Makefile
	@$(MKDIR_P) %D%
	$(AM_V_GEN)$(SED) -e 's|[@]sbindir@|$(sbindir)|g' -e 's|[@]sysconfdir@|$(sysconfdir)|g' \
		-e 's|[@]localstatedir@|$(localstatedir)|g' -e 's|[@]runstatedir@|$(runstatedir)|g' $(srcdir)/%D%/muster.service.in >$@.part && mv -f $@.part $@
CLEANFILES += %D%/muster.service
