# Sourced by scripts/provision: StayRTR, which tells routers of labs with [rtr] which ROAs there are.
#
# Debian's package, unpacked and never installed: installed, it would serve the machine's own routers, too. It needs
# nothing but libc (debian.sh).

rtr_suite=bookworm

# fetch_rtr DIR: DIR/stayrtr
fetch_rtr() {
    local dir tmp
    mkdir -p "$1"
    dir=$(cd -- "$1" && pwd)
    if [ -x "$dir/stayrtr" ]; then say "StayRTR: there"; return; fi
    for tool in apt-get dpkg-deb; do
        command -v $tool >/dev/null || { say "error: missing: stayrtr; it comes from Debian's packages, and there is no $tool"; return 3; }
    done
    tmp=$(mktemp -d "$dir/.fetching-XXXXXX")
    if unpack_rtr "$dir" "$tmp"; then
        rm -rf "$tmp"
        say "StayRTR $("$dir/stayrtr" -version 2>&1 | head -n1): $dir/stayrtr"
    else
        rm -rf "$tmp"
        say "error: missing: stayrtr; Debian's $rtr_suite could not be asked for it"
        return 3
    fi
}

# unpack_rtr DIR TEMPORARY
unpack_rtr() {
    local dir=$1 tmp=$2 apt
    mkdir -p "$tmp"/{deb,root}
    open_suite "$tmp" "$rtr_suite" || return 1
    say "fetching stayrtr of Debian's $rtr_suite"
    (cd "$tmp/deb" && apt-get "${apt[@]}" -qq download stayrtr >&2) || return 1
    dpkg-deb -x "$tmp"/deb/stayrtr_*.deb "$tmp/root" || return 1
    "$tmp/root/usr/bin/stayrtr" -version >/dev/null 2>&1 || return 1
    # They run as whoever may read them.
    chmod 755 "$dir" "$tmp/root/usr/bin/stayrtr"
    mv "$tmp/root/usr/bin/stayrtr" "$dir/stayrtr"
}
