# Sourced by scripts/provision: programs of others by which tests judge what a lab serves, beside the system's.
#
# Debian's packages, unpacked with all that they depend on, and never installed. Needs apt-get and dpkg-deb, no root:
# apt gets lists and a cache of its own.

judges_suite=trixie

# Name, package, where it is in the package.
judges=(
    "dig bind9-dnsutils usr/bin/dig"
    "unbound unbound usr/sbin/unbound"
    "curl curl usr/bin/curl"
    "tshark tshark usr/bin/tshark"
)

# fetch_judges DIR: DIR/NAME of each of them
fetch_judges() {
    local dir tmp row name package path missing=()
    mkdir -p "$1"
    dir=$(cd -- "$1" && pwd)
    for row in "${judges[@]}"; do
        read -r name package path <<<"$row"
        if [ -x "$dir/$name" ]; then say "$name: there"; else missing+=("$package"); fi
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    for tool in apt-get dpkg-deb; do
        command -v $tool >/dev/null || { say "error: no $tool: judges come from Debian's packages"; return 3; }
    done
    tmp=$(mktemp -d "$dir/.fetching-XXXXXX")
    if unpack_judges "$dir" "$tmp"; then
        rm -rf "$tmp"
    else
        rm -rf "$tmp"
        say "error: no ${missing[*]} of $judges_suite"
        return 3
    fi
}

# unpack_judges DIR TEMPORARY
unpack_judges() {
    local dir=$1 tmp=$2
    local apt row name package path packages=() libraries loader
    mkdir -p "$tmp/root"
    for row in "${judges[@]}"; do
        read -r name package path <<<"$row"
        packages+=("$package")
    done
    say "fetching ${packages[*]} of Debian's $judges_suite, and what they depend on"
    # As if nothing were installed: what they depend on comes too.
    open_suite "$tmp" "$judges_suite" || return 1
    apt-get "${apt[@]}" -qq --yes --no-install-recommends --download-only install "${packages[@]}" >&2 || return 1
    for deb in "$tmp"/cache/archives/*.deb; do
        dpkg-deb -x "$deb" "$tmp/root" || return 1
    done
    libraries=$(cd "$tmp/root" && echo usr/lib/*-linux-gnu)
    loader=$(cd "$tmp/root" && printf '%s\n' "$libraries"/ld-linux*.so.* | head -n1)
    rm -rf "${dir:?}/root"
    mv "$tmp/root" "$dir/root"
    # They run as whoever may read them.
    chmod 755 "$dir" "$dir/root"
    for row in "${judges[@]}"; do
        read -r name package path <<<"$row"
        cat >"$tmp/$name" <<END
#!/bin/sh
# Made by scripts/provision --judges: $package of Debian's $judges_suite, with its own libraries.
root=$(printf %q "$dir/root")
exec "\$root/$loader" --library-path "\$root/$libraries" "\$root/$path" "\$@"
END
        chmod 755 "$tmp/$name"
        mv "$tmp/$name" "$dir/$name"
        say "$name: $dir/$name"
    done
}
