#!/usr/bin/env bash
# BIRD 3 and a route that comes back: what BIRD says it has exported and what the kernel has.
#
# One namespace, one BIRD, static routes. BIRD 3 numbers the routes of a table and gives a number again as soon
# as its route is gone. What a scan of the kernel's table has seen is kept by number, until the next scan begins.
# A route that gets a number that the last scan has seen counts as installed already: the kernel protocol traces it
# as added, tells the kernel nothing, and no error is logged. The next scan (`scan time`, 60 s by default) puts it
# into the kernel. In the source (the branch of 3.x, sysdep/unix/krt.c): `krt_rt_notify` returns at once when
# `seen_map` has the route's id; `krt_init_scan` alone clears that map.
#
# Played for each BIRD, with `scan time 8`; a and b are 198.51.100.1/32 and .2/32:
#   back      a is seen by a scan, goes, and comes back before the next one
#   other     a is seen by a scan, goes, and b, which has never been there, comes
#   carrier   as `back`, but a goes and comes with the carrier of its link
#   failback  d to .3/32 is seen by a scan, goes, and e to the same, by another next hop, takes over; d comes back
#   between   as `back`, but a scan begins while a is gone
# Expected beforehand, of all: the kernel has what BIRD has, a second later. Seen (kernel 6.18): so with 2.17.6 and
# 2.20.0. With 3.1.8 and 3.4.0 only `between` is so; in the others the kernel lacks the route until the next scan, and
# after `failback` it sends packets to the other next hop meanwhile.
# Exit code 1: something else than that is seen now, or BIRD is too young for this to say anything.
#
# usage: bird3-kernel-hole.sh      root; Debian's packages; 4 to 8 minutes; nothing stays on the machine
set -euo pipefail
tmp=$(mktemp -d); ns=bh$$
cleanup() {
    [ ! -e "$tmp/pid" ] || kill "$(cat "$tmp/pid")" 2>/dev/null || true
    ip netns del $ns 2>/dev/null || true
    rm -rf "$tmp"
}
trap cleanup EXIT

# A version of BIRD with the libraries it was built for, beside whatever the system has.
fetch() { # VERSION SUITE PACKAGE
    local at="$tmp/$1" keys=/usr/share/keyrings/debian-archive-keyring.gpg exact
    mkdir -p "$at"/{lists/partial,cache/archives/partial,deb,root}
    echo "deb [signed-by=$keys] http://deb.debian.org/debian $2 main" >"$at/sources.list"
    local apt=(-o Dir::State::Lists="$at/lists" -o Dir::Etc::sourcelist="$at/sources.list" -o Dir::Etc::sourceparts=-
        -o Dir::Cache="$at/cache" -o APT::Sandbox::User=root)
    apt-get "${apt[@]}" -qq update
    exact=$(apt-cache "${apt[@]}" madison "$3" | awk '{ print $3 }' | grep -m1 -F "$1-") ||
        { echo "$2 no longer has $3 $1"; exit 1; }
    (cd "$at/deb" && apt-get "${apt[@]}" -qq download "$3=$exact" libc6 libreadline8t64 libtinfo6 libssh-4 \
        libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 libssl3t64 zlib1g \
        libzstd1 libcap2 >/dev/null)
    for deb in "$at"/deb/*.deb; do dpkg-deb -x "$deb" "$at/root"; done
}
program() { # VERSION PROGRAM ARGUMENT…
    local root="$tmp/$1/root" name=$2
    shift 2
    local libraries=$root/usr/lib/x86_64-linux-gnu
    exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$root/usr/sbin/$name" "$@"
}

config() {
    cat <<END
router id 10.9.0.1;
log "$tmp/log" all;
protocol device { scan time 600; }
protocol kernel { debug all; scan time 8; ipv4 { import none; export where source = RTS_STATIC; }; }
protocol static a { ipv4; check link yes; route 198.51.100.1/32 via 10.1.0.0; }
protocol static d { ipv4 { preference 200; }; route 198.51.100.3/32 via 10.1.0.0; }
protocol static e { ipv4 { preference 100; }; route 198.51.100.3/32 via 10.2.0.0; }
protocol static b { disabled; ipv4; route 198.51.100.2/32 via 10.1.0.0; }
END
}
ask() { (program "$version" birdc -s "$tmp/ctl" "$@") >>"$tmp/answers"; }
scans() { grep -c 'Scanning routing table' "$tmp/log" || true; }
# Returns when the next scan is over.
scan() {
    local before end=$((SECONDS + 30))
    before=$(scans)
    until [ "$(scans)" -gt "$before" ]; do
        [ $SECONDS -lt $end ] || { echo "no scan within 30 s"; exit 1; }
        sleep 0.1
    done
    sleep 0.5
}
has() { ip -n $ns route show | grep -q "^198.51.100.$1 via 10.1.0.0 "; }
look() { # SITUATION ROUTE: after a second, and after a scan
    local soon=lacks later=lacks
    sleep 1
    ! has "$2" || soon=has
    if [ $soon = lacks ]; then
        scan
        for _ in $(seq 20); do has "$2" && break || sleep 0.1; done
        ! has "$2" || later=has
    else
        later=has
    fi
    (program "$version" birdc -s "$tmp/ctl" show route export kernel1) | grep -q "198.51.100.$2/32" ||
        { echo "$version $1: BIRD does not have the route itself"; exit 1; }
    seen+=" $1:$soon/$later"
    printf '  %-8s BIRD exports the route; the kernel %s it, after the next scan it %s it\n' "$1" "$soon" "$later"
}

trial() { # VERSION
    version=$1 seen=''
    echo "BIRD $version"
    : >"$tmp/log"
    config >"$tmp/conf"
    ip netns add $ns
    ip -n $ns link set lo up
    ip -n $ns link add v0 type veth peer name v1
    ip -n $ns addr add 10.1.0.1/31 dev v0
    ip -n $ns addr add 10.2.0.1/31 dev v0
    ip -n $ns link set v0 up
    ip -n $ns link set v1 up
    local libraries="$tmp/$version/root/usr/lib/x86_64-linux-gnu"
    ip netns exec $ns "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" \
        "$tmp/$version/root/usr/sbin/bird" -f -c "$tmp/conf" -s "$tmp/ctl" 2>>"$tmp/answers" &
    echo $! >"$tmp/pid"
    local end=$((SECONDS + 30))
    until has 1; do
        [ $SECONDS -lt $end ] || { echo "the route is not in the kernel to begin with"; exit 1; }
        sleep 0.1
    done
    scan

    scan; ask disable a; sleep 0.5; ask enable a; look back 1
    scan; ask disable a; sleep 0.5; ask enable b; look other 2
    ask disable b; scan; ask enable a; scan; has 1
    scan; ip -n $ns link set v1 down; sleep 0.5; ip -n $ns link set v1 up; look carrier 1
    scan; ask disable d; sleep 0.5; ask enable d; look failback 3
    scan; ask disable a; scan; ask enable a; look between 1

    kill "$(cat "$tmp/pid")"
    wait || true
    rm "$tmp/pid"
    ip netns del $ns
}

# expect VERSION SUITE PACKAGE SITUATION:SOON/LATER…
expect() {
    fetch "$1" "$2" "$3"
    trial "$1"
    [ "$seen" = " ${*:4}" ] || { echo "the behavior has changed: expected ${*:4}"; exit 1; }
}
# The kernel a second later, and after the next scan.
fine=(back:has/has other:has/has carrier:has/has failback:has/has between:has/has)
hole=(back:lacks/has other:lacks/has carrier:lacks/has failback:lacks/has between:has/has)
expect 2.17.6 trixie bird2 "${fine[@]}"
expect 2.20.0 sid bird2 "${fine[@]}"
expect 3.1.8 trixie bird3 "${hole[@]}"
expect 3.4.0 sid bird3 "${hole[@]}"
