# Sourced by scripts/provision: FRRs, beside the system's.
#
# Debian's packages, unpacked with the libraries they were built for, and never installed (debian.sh).

# Version, Debian's suite. A suite goes on: when it has left a version behind, its present one is taken.
frrs=(
    "8.4.4 bookworm"
    "10.3 trixie"
    "10.7.1 sid"
)

# What labs start of it, and what talks to these.
frr_programs=(zebra bgpd ospfd ospf6d bfdd vtysh)

# bgpd's module that looks at ROAs, of a package of its own.
frr_module=usr/lib/*-linux-gnu/frr/modules/bgpd_rpki.so

# fetch_frrs DIR: DIR/VERSION with a start script for each program
fetch_frrs() {
    local tree
    mkdir -p "$1"
    # Those that were fetched without the module are fetched again.
    for tree in "$1"/*/; do
        # shellcheck disable=SC2086
        [ ! -e "$tree/asked-for" ] || (cd "$tree/root" && ls $frr_module >/dev/null 2>&1) || rm "$tree/asked-for"
    done
    fetch_rows FRR "$(cd -- "$1" && pwd)" fetch_frr "${frrs[@]}"
}

# fetch_frr DIR TEMPORARY VERSION SUITE
fetch_frr() {
    local dir=$1 tmp=$2 version=$3 suite=$4
    local apt direct needed loader libraries has name
    mkdir -p "$tmp"/{deb,tree/root}
    say "FRR $version: looking at Debian's $suite"
    open_suite "$tmp" "$suite" || return 1
    direct=$(apt-cache "${apt[@]}" depends --important frr frr-rpki-rtrlib | sed -n 's/^ *Depends: \(lib[^ <]*\).*/\1/p')
    [ -n "$direct" ] || { say "error: $suite has no frr"; return 1; }
    # shellcheck disable=SC2086
    needed=$(apt-cache "${apt[@]}" depends --recurse --important $direct |
        sed -n 's/^ *\(Pre\)\?Depends: \(lib[^ <]*\).*/\2/p' | sort -u)
    say "fetching frr, frr-rpki-rtrlib and their libraries"
    # shellcheck disable=SC2086
    (cd "$tmp/deb" && apt-get "${apt[@]}" -qq download frr frr-rpki-rtrlib $(printf '%s\n' $direct $needed | sort -u) >&2) || return 1
    for deb in "$tmp"/deb/*.deb; do
        dpkg-deb -x "$deb" "$tmp/tree/root" || return 1
    done
    mkdir -p "$tmp/tree/root/usr/share"
    rm -rf "$tmp"/tree/root/usr/share/{doc,man,locale,info} "$tmp"/tree/root/usr/lib/*/gconv
    # Before Debian 13, libc and its neighbors were in /lib.
    libraries=$(cd "$tmp/tree/root" && printf '$root/%s:' usr/lib/*-linux-gnu usr/lib/*-linux-gnu/frr lib/*-linux-gnu)
    # Two things are looked for at the system's places only: the group of those who may use the sockets, for which
    # root's stands in, and libyang's own modules, since Debian has them in files.
    sed -i 's/frrvty\x00/root\x00\x00\x00/g' "$tmp"/tree/root/usr/lib/frr/{zebra,bgpd,ospfd,ospf6d,bfdd}
    for name in "$tmp"/tree/root/usr/lib/*/libyang.so.*; do
        [ -L "$name" ] || sed -i "s,/usr/share/yang/modules/libyang\x00,yang/modules/libyang\x00$(printf '\\x00%.0s' {1..11}),g" "$name"
    done
    # shellcheck disable=SC2086
    (cd "$tmp/tree/root" && ls $frr_module >/dev/null) || { say "error: frr-rpki-rtrlib of $suite has no module of bgpd"; return 1; }
    loader=$(cd "$tmp/tree/root" && find . -name 'ld-linux*.so.*' | sort | sed -n '1s,^\./,,p')
    for name in "${frr_programs[@]}"; do
        local program=usr/lib/frr/$name
        [ "$name" != vtysh ] || program=usr/bin/vtysh
        [ -e "$tmp/tree/root/$program" ] || { say "error: frr of $suite has no $name"; return 1; }
        cat >"$tmp/tree/$name" <<END
#!/bin/sh
# Made by scripts/provision --frr: frr of Debian's $suite, with its own libraries.
root=\$(cd "\${0%/*}/root" && pwd) || exit
cd "\$root/usr/share" || exit
exec "\$root/$loader" --library-path "${libraries%:}" "\$root/$program" "\$@"
END
        chmod 755 "$tmp/tree/$name"
    done
    has=$("$tmp/tree/bgpd" --version 2>&1) || { say "error: frr of $suite does not run: $has"; return 1; }
    has=$(sed -n '1s/^bgpd version //p' <<<"$has")
    chmod 755 "$tmp/tree"
    echo "$version $suite" >"$tmp/tree/asked-for"
    rm -rf "${dir:?}/$has"
    mv "$tmp/tree" "$dir/$has"
    say "FRR $has: $dir/$has"
}
