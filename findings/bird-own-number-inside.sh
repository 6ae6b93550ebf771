#!/usr/bin/env bash
# BIRD and the own AS number that a filter puts into a heard path: nobody else of the AS takes the route.
#
# Three BIRDs in a row. The first is another AS and announces a prefix to the second; the second puts its own number
# into the path as it hears it (`bgp_path.prepend` in an import filter, as is done to make a provider's routes look
# longer to customers and peers), and tells the third, which is of its AS, over iBGP.
#
#   plain    the session between the two of one AS has no option
#   allowed  the third has `allow local as`
#   counted  the third has `allow local as 1`, and the number is there twice
# Expected beforehand: the third takes it in all three. Nobody prepends inside an AS, and what comes back there is known
# by its originator (RFC 4456), so there is nothing that the path could tell. Seen: only with `allow local as`, and with a
# number only if that is as large; the second uses the route in all three, so one AS is of two minds. The third keeps no
# trace of it: `Import updates` counts none received, rejected, filtered or ignored, and its log has no line of it. FRR
# does the same, and calls the option `allowas-in`. So a rule that makes heard paths longer belongs where they are told on, or every
# session inside needs the option.
# Exit code 1: something else than that is seen now. 3: something is missing or could not be fetched.
#
# usage: bird-own-number-inside.sh    root; Debian's packages; 2 minutes; nothing stays on the machine
set -euo pipefail
tmp=$(mktemp -d); nodes=(own$$-a own$$-b own$$-c); pids=()
end() {
    [ ${#pids[@]} = 0 ] || { kill -KILL "${pids[@]}" 2>/dev/null; wait "${pids[@]}" 2>/dev/null; } || true
    for node in "${nodes[@]}"; do ip netns del "$node" 2>/dev/null || true; done
    pids=()
}
trap 'end; rm -rf "$tmp"' EXIT
missing() { echo "$1"; exit 3; }
[ "$(id -u)" = 0 ] || missing "not root"
for tool in ip apt-get apt-cache dpkg-deb; do command -v $tool >/dev/null || missing "no $tool"; done

# A version of BIRD with the libraries it was built for, beside whatever the system has.
fetch() { # VERSION SUITE PACKAGE
    local at="$tmp/$1" keys=/usr/share/keyrings/debian-archive-keyring.gpg exact loader name
    mkdir -p "$at"/{lists/partial,cache/archives/partial,deb,root}
    echo "deb [signed-by=$keys] http://deb.debian.org/debian $2 main" >"$at/sources.list"
    local apt=(-o Dir::State::Lists="$at/lists" -o Dir::Etc::sourcelist="$at/sources.list" -o Dir::Etc::sourceparts=-
        -o Dir::Cache="$at/cache" -o APT::Sandbox::User=root)
    apt-get "${apt[@]}" -qq update || missing "no list of Debian's $2"
    exact=$(apt-cache "${apt[@]}" madison "$3" | awk '{ print $3 }' | grep -m1 -F "$1-") ||
        missing "$2 no longer has $3 $1"
    local libraries=(libc6 libtinfo6 libssh-4 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2
        libkeyutils1 zlib1g libzstd1 libcap2)
    [ "$2" = bookworm ] && libraries+=(libreadline8 libssl3) || libraries+=(libreadline8t64 libssl3t64)
    (cd "$at/deb" && apt-get "${apt[@]}" -qq download "$3=$exact" "${libraries[@]}" >/dev/null) ||
        missing "$3 $exact cannot be fetched"
    for deb in "$at"/deb/*.deb; do dpkg-deb -x "$deb" "$at/root"; done
    loader=$(find "$at/root" -name 'ld-linux*.so.*' -print | sort | head -n1)
    for name in bird birdc; do
        printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$loader" \
            "$(printf '%s:' "$at"/root/usr/lib/*-linux-gnu "$at"/root/lib/*-linux-gnu)" "$at/root/usr/sbin/$name" >"$at/$name"
        chmod +x "$at/$name"
    done
}
ask() { local number=$1; shift; "$tmp/$version/birdc" -s "$tmp/$number.ctl" "$@" 2>/dev/null || true; }
has() { ask "$1" show route 198.51.100.0/24 table master4 | grep -q '198.51.100.0/24'; }
config() { # NUMBER PROTOCOLS
    printf 'router id 10.9.0.%s;\nlog "%s/%s.log" all;\nprotocol device { }\n%s\n' "$1" "$tmp" "$1" "$2" >"$tmp/$1.conf"
}
trial() { # TIMES OPTION: sets seen
    local until times='' number
    for node in "${nodes[@]}"; do ip netns add "$node"; ip -n "$node" link set lo up; done
    for number in 1 2; do
        ip -n "${nodes[number - 1]}" link add right type veth peer name left netns "${nodes[number]}"
        ip -n "${nodes[number - 1]}" addr add 10.1.$number.0/31 dev right
        ip -n "${nodes[number]}" addr add 10.1.$number.1/31 dev left
        ip -n "${nodes[number - 1]}" link set right up
        ip -n "${nodes[number]}" link set left up
    done
    for _ in $(seq "$1"); do times+='bgp_path.prepend(65002); '; done
    local quick='connect delay time 1; connect retry time 1;'
    config 1 "protocol static own { ipv4; route 198.51.100.0/24 blackhole; }
protocol bgp right { local 10.1.1.0 as 65001; neighbor 10.1.1.1 as 65002; $quick ipv4 { import none; export all; }; }"
    config 2 "protocol bgp left { local 10.1.1.1 as 65002; neighbor 10.1.1.0 as 65001; passive yes;
  ipv4 { import filter { ${times}accept; }; export none; }; }
protocol bgp right { local 10.1.2.0 as 65002; neighbor 10.1.2.1 as 65002; direct; passive yes;
  ipv4 { import none; export all; next hop self; }; }"
    config 3 "protocol static mark { ipv4; route 203.0.113.0/24 blackhole; }
protocol bgp left { local 10.1.2.1 as 65002; neighbor 10.1.2.0 as 65002; direct; $2 $quick ipv4 { import all; export none; }; }"
    for number in 1 2 3; do
        ip netns exec "${nodes[number - 1]}" "$tmp/$version/bird" -f -c "$tmp/$number.conf" -s "$tmp/$number.ctl" \
            2>"$tmp/$number.err" &
        pids+=($!)
    done
    until=$((SECONDS + 30))
    until has 2 && ask 3 show protocols left | grep -q Established; do
        [ $SECONDS -lt $until ] || { echo "BIRD $version: the sessions do not come up"; exit 1; }
        sleep 0.1
    done
    sleep 2   # what is told is told by now
    has 3 && seen=taken || seen=not
    has 2 || { echo "the second has lost the route"; exit 1; }
    [ $seen = taken ] || ! grep -q '198.51.100.0' "$tmp/3.log" || { echo "the third's log has a line of it now"; exit 1; }
    echo "  the number $1 times, option '${2:-none}': $seen; $(ask 3 show protocols all left | grep -m1 'Import updates' | tr -s ' ')"
    end
}
# expect VERSION SUITE PACKAGE
expect() {
    local wanted option times
    version=$1
    fetch "$@"
    echo "BIRD $version"
    while IFS=: read -r times option wanted; do
        trial "$times" "$option"
        [ $seen = "$wanted" ] || { echo "the behavior has changed: expected $wanted, seen $seen"; exit 1; }
    done <<END
1::not
1:allow local as;:taken
1:allow local as 1;:taken
2:allow local as 1;:not
END
    rm -rf "${tmp:?}/$version"
}
expect 2.0.12 bookworm bird2
expect 2.17.6 trixie bird2
expect 3.4.0 sid bird3
