#!/usr/bin/env bash
# BIRD 3 and a route that comes back: what BGP believes in and what the kernel has.
#
# Two routers of one AS, a neighbor of both that announces a dozen /32. The links to the neighbor lose their
# carrier for some seconds and get it back. BIRD 2 has every route in the kernel again as soon as its sessions
# are up; BIRD 3 may leave some out until the next scan of the kernel's table (`scan time`, 60 s by default).
#
# A hole, here: a route that BGP has on a router, and that is not in its kernel 4 s later.
# Expected before it was run: no difference. Seen (kernel 6.18, 2 busy cores): 3.4.0: a hole in 3 of 36 rounds, of 7
# to 12 of the twelve routes on one of the two routers, until the next scan (6 to 14 s, with `scan time 20`);
# 2.20.0: none in 26. In its trace BIRD 3 says of a missing route that the kernel protocol has added it; the kernel
# announces no such route, and no error is logged.
# It is rare, so BIRD 3 is tried until the first hole, at most ROUNDS times (6 to 10 s each); then BIRD 2 as often,
# at least six times. Exit code 1: no hole in BIRD 3, or one in BIRD 2.
#
# usage: bird3-kernel-hole.sh [ROUNDS]      root; Debian's packages; nothing stays on the machine
set -euo pipefail
rounds=${1:-60}
tmp=$(mktemp -d); tag=bh$$
cleanup() {
    for pid in "$tmp"/run/*.pid; do [ -e "$pid" ] && kill "$(cat "$pid")" 2>/dev/null || true; done
    for ns in g r1 r2; do ip netns del $tag-$ns 2>/dev/null || true; done
    [ -n "${KEEP:-}" ] || rm -rf "$tmp"
}
trap cleanup EXIT
mkdir -p "$tmp/run"

# A version of BIRD with the libraries it was built for, beside whatever the system has.
fetch() {
    local name=$1 suite=$2 package=$3 at="$tmp/$1"
    mkdir -p "$at"/{lists/partial,cache/archives/partial,deb,root}
    echo "deb [trusted=yes] http://deb.debian.org/debian $suite main" >"$at/sources.list"
    local apt=(-o Dir::State::Lists="$at/lists" -o Dir::Etc::sourcelist="$at/sources.list" -o Dir::Etc::sourceparts=-
        -o Dir::Cache="$at/cache" -o APT::Sandbox::User=root)
    apt-get "${apt[@]}" -qq update
    (cd "$at/deb" && apt-get "${apt[@]}" -qq download "$package" libc6 libreadline8t64 libtinfo6 libssh-4 \
        libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 libssl3t64 zlib1g \
        libzstd1 >/dev/null)
    for deb in "$at"/deb/*.deb; do dpkg -x "$deb" "$at/root"; done
}
bird() { # NAME PROGRAM ARGUMENT…
    local root="$tmp/$1/root" program=$2
    shift 2
    local libraries=$root/usr/lib/x86_64-linux-gnu
    "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$root/usr/sbin/$program" "$@"
}

build() {
    for ns in g r1 r2; do ip netns add $tag-$ns; ip -n $tag-$ns link set lo up; done
    ip link add g1 netns $tag-g type veth peer name g netns $tag-r1
    ip link add g2 netns $tag-g type veth peer name g netns $tag-r2
    ip link add r2 netns $tag-r1 type veth peer name r1 netns $tag-r2
    ip -n $tag-g addr add 10.1.0.0/31 dev g1; ip -n $tag-r1 addr add 10.1.0.1/31 dev g
    ip -n $tag-g addr add 10.2.0.0/31 dev g2; ip -n $tag-r2 addr add 10.2.0.1/31 dev g
    ip -n $tag-r1 addr add 10.3.0.0/31 dev r2; ip -n $tag-r2 addr add 10.3.0.1/31 dev r1
    ip -n $tag-g link set g1 up; ip -n $tag-g link set g2 up
    for ns in r1 r2; do ip -n $tag-$ns link set g up; done
    ip -n $tag-r1 link set r2 up; ip -n $tag-r2 link set r1 up
}

common='protocol device { scan time 600; }
protocol kernel { scan time SCAN; ipv4 { import none; export where source != RTS_DEVICE; }; }
template bgp session { connect delay time 1; connect retry time 2; error wait time 1, 4; hold time 9; keepalive time 3; }'
configs() { # SCAN
    local routes='' i
    for i in $(seq 1 12); do routes+="route 198.51.100.$i/32 blackhole; "; done
    local common=${common//SCAN/$1}
    cat >"$tmp/run/g.conf" <<EOF
router id 10.9.0.1;
$common
protocol static { ipv4; $routes }
protocol bgp one from session { local 10.1.0.0 as 65002; neighbor 10.1.0.1 as 65001; ipv4 { import all; export where source = RTS_STATIC; }; }
protocol bgp two from session { local 10.2.0.0 as 65002; neighbor 10.2.0.1 as 65001; ipv4 { import all; export where source = RTS_STATIC; }; }
EOF
    cat >"$tmp/run/r1.conf" <<EOF
router id 10.9.0.2;
$common
protocol bgp external from session { local 10.1.0.1 as 65001; neighbor 10.1.0.0 as 65002; ipv4 { import all; export none; }; }
protocol bgp internal from session { local 10.3.0.0 as 65001; neighbor 10.3.0.1 as 65001; ipv4 { import all; export all; next hop self; }; }
EOF
    cat >"$tmp/run/r2.conf" <<EOF
router id 10.9.0.3;
$common
protocol bgp external from session { local 10.2.0.1 as 65001; neighbor 10.2.0.0 as 65002; ipv4 { import all; export none; }; }
protocol bgp internal from session { local 10.3.0.1 as 65001; neighbor 10.3.0.0 as 65001; ipv4 { import all; export all; next hop self; }; }
EOF
}
start() { # NAME NS
    local root="$tmp/$1/root" libraries="$tmp/$1/root/usr/lib/x86_64-linux-gnu"
    ip netns exec $tag-$2 "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$root/usr/sbin/bird" \
        -f -c "$tmp/run/$2.conf" -s "$tmp/run/$2.ctl" >"$tmp/run/$2.log" 2>&1 &
    echo $! >"$tmp/run/$2.pid"
}
believed() { bird "$1" birdc -r -s "$tmp/run/$2.ctl" show route primary 2>/dev/null | grep -o '^198[0-9.]*' | sort -u || true; }
kernel() { ip -n $tag-$1 route show | grep -o '^198[0-9.]*' | sort -u || true; }
until_true() { # SECONDS COMMAND…
    local end=$((SECONDS + $1)); shift
    until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}
all() { [ "$(believed "$1" "$2" | wc -l)" = 12 ]; }
installed() { [ "$(kernel "$1" | wc -l)" = 12 ]; }
none() { [ "$(believed "$1" "$2" | wc -l)" = 0 ]; }

# trial NAME SCAN: rounds until the first with a hole
trial() {
    local name=$1 scan=$2 longest=0 round
    holes=0 played=$rounds
    build; configs "$scan"
    for ns in g r1 r2; do start "$name" $ns; done
    for ns in r1 r2; do until_true 20 all "$name" $ns; until_true 20 installed $ns; done
    for round in $(seq "$rounds"); do
        ip -n $tag-g link set g1 down; ip -n $tag-g link set g2 down
        until_true 20 none "$name" r1; until_true 20 none "$name" r2
        sleep 2
        ip -n $tag-g link set g1 up; ip -n $tag-g link set g2 up
        for ns in r1 r2; do until_true 30 all "$name" $ns; done
        local before=$SECONDS hole=''
        for ns in r1 r2; do until_true 4 installed $ns || hole+=" $ns: $(comm -23 <(believed "$name" $ns) <(kernel $ns) | wc -l) of 12;"; done
        if [ -n "$hole" ]; then
            holes=$((holes + 1))
            for ns in r1 r2; do until_true 90 installed $ns || true; done
            local lasted=$((SECONDS - before))
            [ $lasted -le $longest ] || longest=$lasted
            played=$round
            printf '    round %s: believed, not in the kernel:%s there after %s s\n' "$round" "$hole" "$lasted"
            break
        fi
    done
    printf '%s, scan time %s: %s of %s rounds with holes, the longest %s s\n' \
        "$(bird "$name" bird --version 2>&1)" "$scan" "$holes" "$played" "$longest"
    for ns in g r1 r2; do kill "$(cat "$tmp/run/$ns.pid")"; rm "$tmp/run/$ns.pid"; done
    wait || true
    for ns in g r1 r2; do ip netns del $tag-$ns; done
}

fetch two sid bird2
fetch three sid bird3
trial three 20
[ "$holes" = 1 ] || { echo "BIRD 3 left no hole: the behavior has changed"; exit 1; }
rounds=$((played > 6 ? played : 6))
trial two 20
[ "$holes" = 0 ] || { echo "BIRD 2 left a hole: the behavior has changed"; exit 1; }
