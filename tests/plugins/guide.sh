#!/bin/sh
# docs/plugin-guide.md is true: what it says is typed word for word, from an installed Muster; its files and plugins are taken by a host. Prints TAP.
set -u
export LC_ALL=C
src=${top_srcdir:-.} build=${top_builddir:-.} n=0 status=0
guide=$src/docs/plugin-guide.md
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$tmp"

result() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else status=1; sed 's/^/# /' "$tmp/out"; echo "not ok $n - $2"; fi
}
block() { # MARK: the lines of the code block whose first line ends in MARK
	awk -v mark="$1" 'inside && /^```/ { exit } inside { print } /^```/ && index($0, mark) && substr($0, length($0) - length(mark) + 1) == mark { inside = 1 }' "$guide"
}

parts() { # MARK: all blocks with that mark, one after the other
	awk -v mark="$1" 'inside && /^```/ { inside = 0; next } inside { print } /^```/ && substr($0, length($0) - length(mark) + 1) == mark { inside = 1 }' "$guide"
}

# An installed Muster, in a folder of its own; nothing of the source or build tree is found by what follows.
umask 022
prefix=$(sed -n 's/^prefix=//p' "$build/etc/muster-plugin.pc") root=$tmp/root work=$tmp/work
mkdir -p "$work" "$tmp/plugins" "$tmp/products.d"
make -s -C "$build" install DESTDIR="$root" >"$tmp/out" 2>&1
result $? "make install DESTDIR"
PATH=$root$prefix/bin:$root$prefix/sbin:$PATH
PKG_CONFIG_LIBDIR=$root$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root LD_LIBRARY_PATH=$root$prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR LD_LIBRARY_PATH
unset PKG_CONFIG_PATH MUSTER_SOCKET MAKEFLAGS MAKELEVEL MFLAGS CFLAGS
pkg-config --cflags --libs muster-plugin >"$tmp/out" 2>&1 && grep -q -- "-I$root$prefix/include" "$tmp/out" && grep -q -- '-Wl,-z,defs' "$tmp/out"
result $? "pkg-config --cflags --libs muster-plugin finds the installed header"

# The ten minutes and the rest of what is typed, word for word; only the port is one that is free here.
port=$("${PYTHON:-python3}" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
for file in muster.conf writer.ini writer3.ini press.conf writer.c; do block "file=$file" | sed "s/127\.0\.0\.1:1699/127.0.0.1:$port/" >"$work/$file"; done
parts part=models.c >"$work/models.c"
steps="begin ini certify machines new press end"
for step in $steps; do
	echo "echo '== $step'"
	# the host is stopped whatever happens; it never outlives the test
	[ "$step" != begin ] || echo "trap 'kill \"\$daemon\" 2>/dev/null || :' EXIT"
	block "run=$step" | sed "s/127\.0\.0\.1:1699/127.0.0.1:$port/"
done >"$tmp/script"
(cd "$work" && sh -eu "$tmp/script") >"$tmp/out" 2>&1
result $? "the ten minutes can be typed as they stand"
cp "$tmp/out" "$tmp/all"
for step in $steps; do
	sed -n "/^== $step\$/,/^== /p" "$tmp/all" >"$tmp/step"
	block "said=$step" | while IFS= read -r line; do grep -Fxq -- "$line" "$tmp/step" || echo "$step does not say: $line"; done
done >"$tmp/out"
[ ! -s "$tmp/out" ]
result $? "… and say what the guide shows"
sed -n '/^== machines$/,/^== /p' "$tmp/all" >"$tmp/out"
[ "$(grep -c 'is counted$' "$tmp/out")" -eq 2 ] && grep -q 'example-writer *threshold *example *3 *3 .*certified' "$tmp/out"
result $? "the third machine is activated, and so is the first then"
sed -n '/^== press$/,/^== /p' "$tmp/all" >"$tmp/out"
grep -q '^press  *1\.0  *loaded  *1 ' "$tmp/out"
result $? "the plugin of step 5 is loaded"

(cd "$work" && block run=check | sh -eu) >"$tmp/out" 2>&1 && grep -q ': good, 1 plugins, 2 products$' "$tmp/out" && grep -Fxq 'writer3.ini is good.' "$tmp/out"
result $? "a copy is checked, and the whole configuration"
(cd "$work" && block run=build | sh -eu) >"$tmp/out" 2>&1 && grep -q 'writer.so conforms\.$' "$tmp/out"
result $? "the plugin of section 3 builds and conforms"
# shellcheck disable=SC2046
(cd "$work" && ${CC:-cc} -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden -o models.so models.c $(pkg-config --cflags --libs muster-plugin) && musterctl plugin check models.so) >"$tmp/out" 2>&1
result $? "a plugin of all five models builds and conforms"
for file in counted access seats embedded; do
	block "file=$file.ini" >"$work/$file.ini"
	(cd "$work" && musterctl plugin check "$file.ini") || echo "$file.ini is wrong"
done >"$tmp/out" 2>&1
[ "$(grep -c ' is good\.$' "$tmp/out")" -eq 4 ]
result $? "a product file of each of the other models is good"

for file in writer.ini writer3.ini editions.ini counted.ini access.ini seats.ini embedded.ini; do block "file=$file" >"$tmp/products.d/$file"; done
cp "$work/writer.so" "$work/models.so" "$tmp/plugins/" 2>"$tmp/out"
{
	printf '[host]\nstate = state\nplugin_dir = plugins\nproducts_dir = products.d\n\n'
	block file=writer.conf
	printf '\n[plugin models]\nenabled = yes\n'
	for name in office2013 windows windows-server sql-embedded rds sample; do
		cp "$build/plugins/$name/.libs/$name.so" "$tmp/plugins/"
		printf '\n[plugin %s]\nenabled = yes\n' "$name"
	done
	echo
	block file=override.conf
} >"$tmp/muster.conf"
cp "$src"/etc/products.d/*.ini "$tmp/products.d/"
"$build/musterd" --config "$tmp/muster.conf" --check >"$tmp/out" 2>&1 && grep -q ': good, 8 plugins, [0-9]* products$' "$tmp/out"
result $? "a host takes the files, the plugin and everything that is shipped"

# Each fault the guide promises to name.
printf '[product copy]\nlike = exampel-writer\nname = Copy\nactivation_id = 11111111-2222-4333-8444-555555555555\n' >"$tmp/products.d/zz.ini"
"$build/musterd" --config "$tmp/muster.conf" --check >"$tmp/out" 2>&1
grep -q 'zz.ini:2: \[product copy\] like: no product is called exampel-writer (did you mean example-writer?)' "$tmp/out"
result $? "a mistyped original is named with file and line"
rm "$tmp/products.d/zz.ini"

chmod 775 "$tmp/plugins/office2013.so"
"$build/musterd" --config "$tmp/muster.conf" --check >"$tmp/out" 2>&1
grep -q "plugin office2013 is refused: $tmp/plugins/office2013.so can be written by its group: chmod g-w" "$tmp/out"
result $? "a file that others may write to is refused with the command that mends it"
chmod 755 "$tmp/plugins/office2013.so"

rm "$tmp/plugins/writer.so"
"$build/musterd" --config "$tmp/muster.conf" --check >"$tmp/out" 2>&1 && grep -q 'plugin writer is left out' "$tmp/out" && grep -q ': good, ' "$tmp/out"
result $? "required = no: the host goes on without the plugin, and says so"

block run=uuid | sed "s|^python3|${PYTHON:-python3}|" | sh -eu >"$tmp/out" 2>&1 && grep -qx ddbea2a7-8867-5ede-ac41-628c7f110499 "$tmp/out"
result $? "the derived ID of section 9 is the plugin's"

for folder in "$src"/plugins/*/; do
	name=$(basename "$folder")
	grep -q "^| $name | " "$guide" || echo "$name has no row in section 9"
done >"$tmp/out" 2>&1
[ ! -s "$tmp/out" ]
result $? "the guide tells of every plugin"
echo "1..$n"
exit $status
