# Sourced by scripts/provision: other BIRDs, beside the system's.
#
# Debian's packages, unpacked with the libraries they were built for, and never installed (debian.sh).

# Version, Debian's suite, package. A suite goes on: when it has left a version behind, its present one is taken.
birds=(
    "2.17.6 trixie bird2"
    "3.1.8 trixie bird3"
    "2.20.0 sid bird2"
    "3.4.0 sid bird3"
)

# All that BIRD and birdc load, libc included: these are younger than the system's.
bird_libraries=(libc6 libreadline8t64 libtinfo6 libssh-4 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0
    libcom-err2 libkeyutils1 libssl3t64 zlib1g libzstd1 libcap2)

# fetch_birds DIR: DIR/VERSION/bird and DIR/VERSION/birdc of each of them
fetch_birds() {
    mkdir -p "$1"
    fetch_rows BIRD "$(cd -- "$1" && pwd)" fetch_bird "${birds[@]}"
}

# fetch_bird DIR TEMPORARY VERSION SUITE PACKAGE
fetch_bird() {
    local dir=$1 tmp=$2 version=$3 suite=$4 package=$5
    local apt exact has libraries loader name
    mkdir -p "$tmp"/{deb,tree/root}
    say "BIRD $version: looking at Debian's $suite"
    open_suite "$tmp" "$suite" || return 1
    exact=$(apt-cache "${apt[@]}" madison "$package" | awk '{ print $3 }' | grep -m1 -F "$version-" || true)
    if [ -z "$exact" ]; then
        exact=$(apt-cache "${apt[@]}" madison "$package" | awk 'NR == 1 { print $3 }')
        [ -n "$exact" ] || { say "error: $suite has no $package"; return 1; }
        say "$suite no longer has $package $version; taking $exact"
    fi
    say "fetching $package $exact and its libraries"
    (cd "$tmp/deb" && apt-get "${apt[@]}" -qq download "$package=$exact" "${bird_libraries[@]}" >&2) || return 1
    for deb in "$tmp"/deb/*.deb; do
        dpkg-deb -x "$deb" "$tmp/tree/root" || return 1
    done
    libraries=$(cd "$tmp/tree/root" && echo usr/lib/*-linux-gnu)
    loader=$(cd "$tmp/tree/root" && printf '%s\n' "$libraries"/ld-linux*.so.* | head -n1)
    has=$("$tmp/tree/root/$loader" --library-path "$tmp/tree/root/$libraries" "$tmp/tree/root/usr/sbin/bird" --version 2>&1) ||
        { say "error: $package $exact does not run: $has"; return 1; }
    has=${has##* }
    for name in bird birdc; do
        cat >"$tmp/tree/$name" <<END
#!/bin/sh
# Made by scripts/provision --birds: $package $exact of Debian's $suite, with its own libraries.
root=$(printf %q "$dir/$has/root")
exec "\$root/$loader" --library-path "\$root/$libraries" "\$root/usr/sbin/$name" "\$@"
END
    done
    chmod 755 "$tmp/tree" "$tmp/tree/bird" "$tmp/tree/birdc"
    echo "$version $suite $package" >"$tmp/tree/asked-for"
    rm -rf "${dir:?}/$has"
    mv "$tmp/tree" "$dir/$has"
    say "BIRD $has: $dir/$has/bird"
}
