#!/bin/sh
# The public interface as its users meet it: every header compiles alone as strict C99 and as C++, plugins export one symbol and
# need nothing of Muster, the sample builds outside this tree with what pkg-config says. Prints TAP.
set -u
export LC_ALL=C
src=${top_srcdir:-.} build=${top_builddir:-.} cc=${CC:-cc} n=0 status=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

result() { # STATUS TEXT: "ok" when STATUS is 0; what the check wrote goes before it
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else status=1; sed 's/^/# /' "$tmp/out"; echo "not ok $n - $2"; fi
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

for header in "$src"/include/muster/*.h; do
	name=${header##*/}
	printf '#include <muster/%s>\n#include <muster/%s>\n' "$name" "$name" >"$tmp/alone.c"
	# shellcheck disable=SC2086
	$cc -std=c99 -pedantic -Wall -Wextra -Werror -I"$src/include" -c "$tmp/alone.c" -o "$tmp/alone.o" >"$tmp/out" 2>&1
	result $? "$name compiles alone as C99"
	if command -v g++ >/dev/null; then
		g++ -x c++ -std=c++11 -pedantic -Wall -Wextra -Werror -I"$src/include" -c "$tmp/alone.c" -o "$tmp/alone.o" >"$tmp/out" 2>&1
		result $? "$name compiles alone as C++"
	else
		skip "$name compiles alone as C++" "no g++ here"
	fi
done

# A C++ plugin: MUSTER_PLUGIN gives the object its plain name there too.
if command -v g++ >/dev/null; then
	cat >"$tmp/cplusplus.cc" <<'END'
#include <muster/plugin.h>
namespace { const muster_product rows[1] = {}; }
MUSTER_PLUGIN(cplusplus) = { MUSTER_PLUGIN_MAGIC, sizeof(muster_plugin), MUSTER_ABI_MAJOR, MUSTER_ABI_MINOR, 0, "cplusplus", "1", "MIT",
	MUSTER_TABLE_NONE, { rows, 0, sizeof rows[0] }, MUSTER_TABLE_NONE, MUSTER_TABLE_NONE, nullptr, nullptr, nullptr, nullptr, nullptr };
END
	g++ -std=c++11 -Wall -Wextra -Werror -fvisibility=hidden -shared -fPIC -I"$src/include" -Wl,-z,defs -Wl,-z,now -o "$tmp/cplusplus.so" "$tmp/cplusplus.cc" >"$tmp/out" 2>&1 &&
		"$build/musterctl" plugin check "$tmp/cplusplus.so" >"$tmp/out" 2>&1
	result $? "a plugin written in C++ conforms"
else
	skip "a plugin written in C++ conforms" "no g++ here"
fi

for name in office2013 windows windows-server sql-embedded rds sample; do
	so=$build/plugins/$name/.libs/$name.so
	symbol=$(printf %s "$name" | tr -c 'a-zA-Z0-9' _)_LTX_muster_plugin
	nm -D --defined-only "$so" >"$tmp/nm" 2>"$tmp/out" && awk '{ print $NF }' "$tmp/nm" >"$tmp/out" && [ "$(cat "$tmp/out")" = "$symbol" ]
	result $? "$name.so exports $symbol and nothing else"
	readelf -d "$so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(libc\.so|libasan|libubsan|libtsan|libgcc_s|libpthread|libm\.so|ld-linux)' >"$tmp/out"
	[ ! -s "$tmp/out" ]
	result $? "$name.so needs no library but the C library"
done

# As an author does it: the installed header, the installed .pc file, one command (plugins/sample/sample.c prints it).
mkdir -p "$tmp/root/include/muster" "$tmp/author"
cp "$src"/include/muster/*.h "$tmp/root/include/muster/"
sed "s|^prefix=.*|prefix=$tmp/root|;s|^includedir=.*|includedir=$tmp/root/include|" "$build/etc/muster-plugin.pc" >"$tmp/root/muster-plugin.pc"
if command -v pkg-config >/dev/null; then
	flags=$(PKG_CONFIG_PATH=$tmp/root pkg-config --cflags muster-plugin)
	# shellcheck disable=SC2086
	(cd "$tmp/author" && $cc -shared -fPIC -fvisibility=hidden $flags -Wl,-z,defs -Wl,-z,now -o sample.so "$(cd "$src" && pwd)/plugins/sample/sample.c") >"$tmp/out" 2>&1 &&
		"$build/musterctl" plugin check "$tmp/author/sample.so" >"$tmp/out" 2>&1
	result $? "the sample builds outside the tree and conforms"
	[ "$(PKG_CONFIG_PATH=$tmp/root pkg-config --variable=abi muster-plugin)" = "$(sed -n 's/.*ABI_MAJOR \([0-9]*\)U.*/\1/p' "$src/include/muster/plugin.h").$(sed -n 's/.*ABI_MINOR \([0-9]*\)U.*/\1/p' "$src/include/muster/plugin.h")" ] >"$tmp/out" 2>&1
	result $? "muster-plugin.pc names the header's ABI"
else
	skip "the sample builds outside the tree and conforms" "no pkg-config here"
	skip "muster-plugin.pc names the header's ABI" "no pkg-config here"
fi

# The interface of a number that was given out does not change under it: comments may, declarations and macros may not.
abi=$(sed -n 's/^#define MUSTER_ABI_MAJOR \([0-9]*\)U.*/\1/p' "$src/include/muster/plugin.h").$(sed -n 's/^#define MUSTER_ABI_MINOR \([0-9]*\)U.*/\1/p' "$src/include/muster/plugin.h")
plain() { printf '#include <muster/plugin.h>\n' | $cc -x c -E -P -dD -I"$1" - | grep -v '^#define __\|^#undef'; }
if [ -d "$src/tests/abi/$abi" ]; then
	plain "$src/include" >"$tmp/now" && plain "$src/tests/abi/$abi" >"$tmp/then" && diff "$tmp/then" "$tmp/now" >"$tmp/out" 2>&1
	result $? "plugin.h declares what ABI $abi declared when it was frozen"
else
	echo "keep a copy of include/muster/plugin.h and types.h in tests/abi/$abi/muster" >"$tmp/out"
	result 1 "ABI $abi has a frozen copy"
fi

# A plugin that fails is a failure of the command too.
if "$build/musterctl" plugin check "$build/tests/plugins/.libs/quiet.so" >"$tmp/out" 2>&1; then failed=1; else grep -q '^FAILED request_check: sound' "$tmp/out"; failed=$?; fi
result $failed "musterctl plugin check fails for a plugin that does not conform"
echo "1..$n"
exit $status
