#!/usr/bin/env bash
# Two routes of one neighbor that nothing tells apart: BIRD and FRR 8.4.4 keep the one that came first, later FRRs either.
#
# x and y are iBGP neighbors with ADD-PATH (RFC 7911). x has two routes to one prefix, with paths of the same length
# over AS 100 and AS 101, and tells y of both: y sees the same preference, length, origin, next hop, router id and
# address of the neighbor. x begins to tell of 100 and then of 101, or of 101 and then of 100, and y begins anew for
# each trial.
# Expected beforehand, of all: path identifiers are not compared, and the route that came first stays.
# Seen: so with BIRD 2.0.12 and 3.4.0 and with FRR 8.4.4, in all trials. FRR 10.3 and 10.7.1 say "Nothing left to
# compare" and use the first in some trials, the last in others; neither the order nor the identifiers decide.
# Exit code 1: a BIRD or an FRR before 10 does something else than that now. 3: something is missing.
#
# usage: add-path-ties.sh [BIRD|FRR-FOLDER…]    root; default: the bird in PATH; 20 s for each; nothing stays
set -euo pipefail
tmp=$(mktemp -d); id=$$; pids=()
end() {
    [ ${#pids[@]} = 0 ] || { kill -KILL "${pids[@]}" 2>/dev/null; wait "${pids[@]}" 2>/dev/null; } || true
    for node in x y; do ip netns del $node$id 2>/dev/null || true; done
    pids=()
}
trap 'end; rm -rf "$tmp"' EXIT
missing() { echo "$1"; exit 3; }
[ "$(id -u)" = 0 ] || missing "not root"
for tool in ip bird birdc; do command -v $tool >/dev/null || missing "no $tool"; done
[ $# -gt 0 ] || set -- "$(command -v bird)"

until_so() { # COMMAND…: waits for it, 30 s at most
    for _ in $(seq 300); do ! "$@" || return 0; sleep 0.1; done
    echo "never: $*"; exit 1
}
x() { birdc -s "$tmp/x.ctl" "$@" >/dev/null; }
routes() { # what y has of the prefix, the best marked by * or >
    if [ -d "$who" ]; then
        "$who/vtysh" --config_dir "$tmp" --vty_socket "$tmp" -d bgpd -c 'show bgp ipv4 unicast' 2>/dev/null | grep -E ' 10[01] i' || true
    else
        birdc -s "$tmp/y.ctl" show route all 203.0.113.0/24 | grep -E 'unicast|bgp_path|as_path' | paste - - || true
    fi
}
has() { [ "$(routes | grep -cE '10[01]( |$)')" = "$1" ]; }
best() { routes | grep -E '\*>|\) \*|\* \(' | grep -oE '\b10[01]( i)?$' | cut -c1-3; }

trial() { # FIRST SECOND: sets used to the AS of the route that y uses
    for node in x y; do ip netns add $node$id; ip -n $node$id link set lo up; done
    ip -n x$id link add v type veth peer name v netns y$id
    ip -n x$id addr add 10.9.0.1/24 dev v; ip -n y$id addr add 10.9.0.2/24 dev v
    for node in x y; do ip -n $node$id link set v up; done
    {
        echo 'router id 10.9.0.1; protocol device {}'
        for as in 100 101; do
            echo "protocol static r$as { disabled; ipv4 { import filter { bgp_path.prepend($as); accept; }; }; route 203.0.113.0/24 blackhole; }"
        done
        echo 'protocol bgp y { local 10.9.0.1 as 65000; neighbor 10.9.0.2 as 65000; connect delay time 1; ipv4 { import none; export all; next hop self; add paths tx; }; }'
    } >"$tmp/x.conf"
    ip netns exec x$id bird -f -c "$tmp/x.conf" -s "$tmp/x.ctl" >"$tmp/x.out" 2>&1 & pids+=($!)
    if [ -d "$who" ]; then
        printf '%s\n' 'router bgp 65000' ' bgp router-id 10.9.0.2' ' bgp bestpath compare-routerid' \
            ' neighbor 10.9.0.1 remote-as 65000' ' neighbor 10.9.0.1 timers connect 1' >"$tmp/y.conf"
        echo 'username root nopassword' >"$tmp/vtysh.conf"
        ip netns exec y$id "$who/bgpd" -Z -u root -g root -f "$tmp/y.conf" -i "$tmp/y.pid" -P 0 --vty_socket "$tmp" >"$tmp/y.out" 2>&1 & pids+=($!)
    else
        echo 'router id 10.9.0.2; protocol device {} protocol direct { ipv4; }
protocol bgp x { local 10.9.0.2 as 65000; neighbor 10.9.0.1 as 65000; connect delay time 1; ipv4 { import all; export none; add paths rx; }; }' >"$tmp/y.conf"
        ip netns exec y$id "$who" -f -c "$tmp/y.conf" -s "$tmp/y.ctl" >"$tmp/y.out" 2>&1 & pids+=($!)
    fi
    until_so established
    x enable "r$1"; until_so has 1
    x enable "r$2"; until_so has 2
    used=$(best)
    end
}
established() { birdc -s "$tmp/x.ctl" show protocols y 2>/dev/null | grep -q Established; }

failed=0
for who in "$@"; do
    first=0 last=0
    for _ in 1 2 3 4; do
        for order in "100 101" "101 100"; do
            trial ${order% *} ${order#* }
            case $used in
                ${order% *}) first=$((first + 1)) ;;
                ${order#* }) last=$((last + 1)) ;;
            esac
        done
    done
    version=$( ([ ! -d "$who" ] || "$who/bgpd" --version; [ -d "$who" ] || "$who" --version) 2>&1 | grep -oE '[0-9]+\.[0-9.]+' | head -n1)
    echo "$who ($version): of 8 trials the first stayed in $first, the last took over in $last"
    [ $((first + last)) = 8 ] || failed=1
    # Later FRRs do either, so nothing is wrong with them.
    [ -d "$who" ] && [ "${version%%.*}" -ge 10 ] || [ $first = 8 ] || failed=1
done
exit $failed
