# etc: see the patterns at the top of Makefile.am.
EXTRA_DIST += %D%/muster.conf
productsdir = $(sysconfdir)/muster/products.d
dist_products_DATA = \
	%D%/products.d/office2010.ini \
	%D%/products.d/office2016.ini \
	%D%/products.d/office2019.ini \
	%D%/products.d/office-ltsc-2021.ini \
	%D%/products.d/office-ltsc-2024.ini \
	%D%/products.d/windows-esu.ini
pkgconfig_DATA += %D%/muster-plugin.pc
pkgconfig_DATA += %D%/muster.pc
