# shellcheck shell=bash
# What ./start and ./check share: the Debian 12 packages they need, installing those that are missing, building, and saying
# what goes on. Sourced, not run; the caller has set $top (the source folder) and `set -eu`.

# To build and run.
packages_build='gcc libc6-dev make autoconf automake libtool pkgconf libssl-dev libsqlite3-dev libinih-dev libmicrohttpd-dev libgnutls28-dev
	libcurl4-openssl-dev libjansson-dev libsmartcols-dev libsystemd-dev libltdl-dev libqrencode-dev
	libzbar-dev libpng-dev libarchive-dev libexpat1-dev libcsv-dev check'
# To test: pytest and what its tests verify leases with; node and openssl for docs/verify.md; g++ because public headers suit C++; xorriso makes images;
# tzdata has the time zones.
packages_check='g++ xorriso genisoimage tzdata python3 python3-pytest python3-jwt python3-cryptography python3-yaml python3-jsonschema openssl nodejs'
# To look at everything: a second compiler, the checkers, xz for distcheck; Go and Java for docs/verify.md.
packages_full='clang libclang-rt-14-dev clang-tidy cppcheck shellcheck mandoc xz-utils golang-go default-jdk-headless'

say() { printf '%s\n' "$*"; }
# A sentence about what is wrong, and out.
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# One sentence instead of a failing build later. musterd refuses plugins below folders that others can write to.
check_tree() {
	local dir owner me
	me=$(id -u)
	owner=$(stat -c %u "$top")
	if [ "$owner" != "$me" ] && [ "$owner" != 0 ]; then
		fail "this folder belongs to $(stat -c %U "$top") and you are $(id -un): run this as $(stat -c %U "$top"), or in a clone of your own."
	fi
	[ -w "$top" ] || fail "you may not write to $top: use a clone of your own."
	for dir in "$@" "$top/configure" "$top/autom4te.cache"; do
		[ -e "$dir" ] || continue
		if [ "$(stat -c %u "$dir")" != "$me" ]; then
			fail "$dir belongs to $(stat -c %U "$dir") and you are $(id -un): remove it (sudo rm -rf $dir) or run this as $(stat -c %U "$dir")."
		fi
	done
	dir=$top
	while [ "$dir" != / ]; do
		if [ -n "$(find "$dir" -maxdepth 0 -perm /022 ! \( -perm -1000 -uid 0 \))" ]; then
			fail "others can write to the folder $dir, so nothing below it can be trusted: chmod go-w $dir"
		fi
		dir=$(dirname "$dir")
	done
}

# Names of those packages that are not installed. No network.
missing_packages() {
	local p
	for p in "$@"; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || printf ' %s' "$p"
	done
}

# Install what is missing; touches neither network nor sudo when nothing is.
need_packages() {
	local missing line root=
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		say "This is not a Debian system, so nothing is installed; these packages of Debian 12, or their like, are needed:"
		printf '%s\n' "$*" | tr -s '[:space:]' ' '
		return 0
	fi
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	line="apt-get install -y --no-install-recommends$missing"
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null; then
			say "These packages are missing, and sudo is not there to install them. As root:"
			say "$line"
			exit 3
		fi
		root=sudo
	fi
	say "Installing missing packages:$missing"
	# --no-remove: never at the price of a package that is there already.
	if ! { $root apt-get update -q && $root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-remove --no-install-recommends $missing; } \
		>"$top/.packages.log" 2>&1 </dev/null; then
		tail -n 15 "$top/.packages.log" >&2
		say "The packages could not be installed (all of it is in .packages.log). As root:"
		say "$line"
		exit 3
	fi
	rm -f "$top/.packages.log"
}

# configure's `rm -f core` stumbles over the folder core/: harmless, and not worth a reader's time.
without_core() { grep -v "rm: cannot remove 'core': Is a directory" || :; }

# Make configure, unless it is there and newer than what it is made from.
need_configure() {
	if [ ! -x "$top/configure" ] || [ ! -e "$top/Makefile.in" ] || [ ! -e "$top/etc/build-aux/ltmain.sh" ] ||
		[ -n "$(find "$top/configure.ac" "$top/etc/m4/muster_flags.m4" -newer "$top/configure")" ]; then
		(cd "$top" && autoreconf -fi)
	fi
}

# configure_in DIR ARGUMENT...: configure there, unless it has been with the same arguments.
configure_in() {
	local dir=$1
	shift
	mkdir -p "$dir"
	if [ -e "$dir/Makefile" ] && [ "$(cat "$dir/.arguments" 2>/dev/null)" = "$*" ]; then
		return 0
	fi
	(cd "$dir" && "$top/configure" -q "$@" 2>&1 | without_core; exit "${PIPESTATUS[0]}") || return 1
	printf '%s' "$*" >"$dir/.arguments"
}

processors() { nproc 2>/dev/null || echo 1; }
