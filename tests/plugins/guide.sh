#!/bin/sh
# docs/plugin-guide.md is true: its files are written, its plugin is built and checked, and a host takes all of it. Prints TAP.
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

mkdir -p "$tmp/bin" "$tmp/root/include/muster" "$tmp/plugins" "$tmp/products.d" "$tmp/work"
for file in writer.ini writer3.ini editions.ini embedded.ini; do block "file=$file" >"$tmp/products.d/$file"; done
block file=writer.c >"$tmp/work/writer.c"
cp "$src"/include/muster/*.h "$tmp/root/include/muster/"
cat >"$tmp/bin/pkg-config" <<END
#!/bin/sh
echo "-I$tmp/root/include"
END
printf '#!/bin/sh\nexec "%s/musterctl" "$@"\n' "$build" >"$tmp/bin/musterctl"
chmod +x "$tmp/bin/pkg-config" "$tmp/bin/musterctl"

(cd "$tmp/work" && block run=build | PATH=$tmp/bin:$PATH sh -eu) >"$tmp/out" 2>&1 && grep -q 'writer.so conforms\.$' "$tmp/out"
result $? "the plugin of section 3 builds and conforms"

cp "$tmp/work/writer.so" "$tmp/plugins/" 2>"$tmp/out"
{
	printf '[host]\nstate = state\nplugin_dir = plugins\nproducts_dir = products.d\n\n'
	block file=writer.conf
	for name in office2013 windows windows-server sql-embedded rds sample; do
		cp "$build/plugins/$name/.libs/$name.so" "$tmp/plugins/"
		printf '\n[plugin %s]\nenabled = yes\n' "$name"
	done
	echo
	block file=override.conf
} >"$tmp/muster.conf"
cp "$src"/etc/products.d/*.ini "$tmp/products.d/"
"$build/musterd" --config "$tmp/muster.conf" --check >"$tmp/out" 2>&1 && grep -q ': good, 7 plugins, [0-9]* products$' "$tmp/out"
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
