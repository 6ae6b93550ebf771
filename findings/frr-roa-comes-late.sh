#!/usr/bin/env bash
# FRR and ROAs that come and go while it runs: what it refused does not come back, `source` is ignored, and a server
# that starts anew is not understood.
#
# A BIRD announces a prefix to an FRR, which refuses in its route map what is `rpki invalid` and has its ROAs from a
# StayRTR. The FRR looks at what its neighbor says. Then a ROA is published that does not allow the route, and
# revoked again. The server is asked from the loopback, by `source`, where FRR has that word. Last, it is killed and
# started again with other ROAs.
#
#   plain   nothing else
#   soft    `neighbor X soft-reconfiguration inbound`
# Expected beforehand: plain, the route stays when the ROA is published; soft, it goes, and comes back when the ROA is
# revoked; the connection to the server is from the address of `source`; the new server's ROAs are there after seconds.
# Seen (8.4.4, 10.3, 10.7.1): plain, it stays;
# soft, it goes within a second, and does not come back within 8 s of the revocation, until `clear bgp ipv4 unicast *
# soft in`. The new server is asked for what has changed in the session of the old one, again and again; it answers
# that this is another session ("Corrupt Data"), and RFC 8210 §5.1 has the router forget it all then. FRR's rtrlib 0.8
# keeps the session, and the old ROAs, for 15 s at least (until they expire, it seems: not tried). 10.3 and 10.7.1 show `source` in their config and connect from the address of the link; 8.4.4 has no such
# word. (In the source, bgpd/bgp_rpki.c: prefixes are gone through that have a route, so not those whose only one was
# refused.)
# Exit code 1: something else than that is seen now. 3: something is missing or could not be fetched.
#
# usage: frr-roa-comes-late.sh [DIR]    root; bird, python3; 3 minutes. DIR: where `scripts/provision --frr` has put
#                                       FRRs; else they are fetched for the while. Nothing stays on the machine
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
tmp=$(mktemp -d); a=frrroa$$-a; b=frrroa$$-b; c=frrroa$$-c; pids=()
end() {
    [ ${#pids[@]} = 0 ] || { kill -KILL "${pids[@]}" 2>/dev/null; wait "${pids[@]}" 2>/dev/null; } || true
    for node in $a $b $c; do ip netns del $node 2>/dev/null || true; done
    pids=()
}
trap 'end; rm -rf "$tmp"' EXIT
missing() { echo "$1"; exit 3; }
[ "$(id -u)" = 0 ] || missing "not root"
for tool in ip bird python3 apt-get apt-cache dpkg-deb; do command -v $tool >/dev/null || missing "no $tool"; done
frrs=${1:-$tmp/frrs}
[ $# -gt 0 ] || "$root/scripts/provision" --frr "$frrs" >"$tmp/log" 2>&1 || missing "FRR cannot be fetched: $(tail -n1 "$tmp/log")"
"$root/scripts/provision" --rtr "$tmp/rtr" >"$tmp/log" 2>&1 || missing "StayRTR cannot be fetched"

# bgpd's vty without vtysh, which wants PAM: commands and answers end with zeros.
cat >"$tmp/ask.py" <<'END_OF_PYTHON'
import socket, sys
vty = socket.socket(socket.AF_UNIX)
vty.connect(sys.argv[1])
for command in ["enable", sys.argv[2]]:
    vty.sendall(command.encode() + b"\0")
    answer = b""
    while answer.find(b"\0\0\0") < 0 or len(answer) < answer.find(b"\0\0\0") + 4:
        piece = vty.recv(65536)
        if not piece:
            sys.exit(1)
        answer += piece
print(answer[:answer.find(b"\0\0\0")].decode())
END_OF_PYTHON
ask() { python3 "$tmp/ask.py" "$tmp/b/bgpd.vty" "$1" 2>/dev/null || true; }
has() { local text; text=$(ask "show bgp ipv4 unicast 198.51.100.0/24 json"); [[ $text == *paths* ]]; }
hasnt() { ! has; }
roas() { [ "$(ask "show rpki prefix-table" | grep -cE '^(198|203)\.' || true)" = "$1" ]; }
# within SECONDS COMMAND…: ends as soon as it is so
within() { local until=$((SECONDS + $1)); shift; until "$@"; do [ $SECONDS -lt $until ] || return 1; sleep 0.1; done; }
other='{"prefix":"203.0.113.0/24","maxLength":24,"asn":65001}'
wrong='{"prefix":"198.51.100.0/24","maxLength":24,"asn":65099}'
list() { echo "{\"roas\":[$1]}" >"$tmp/new"; mv "$tmp/new" "$tmp/roas.json"; }
tell() { list "$1"; kill -HUP "$server"; within 15 roas "$2" || { echo "FRR $version: the ROAs do not come"; exit 1; }; }
serve() {
    ip netns exec $c "$tmp/rtr/stayrtr" -bind :323 -metrics.addr 127.0.0.1:9847 -cache "$tmp/roas.json" -checktime=false \
        -refresh 86400 -rtr.refresh 10 -rtr.retry 1 -rtr.expire 600 >"$tmp/rtr.log" 2>&1 &
    server=$!; pids+=($server)
}
trial() { # LINE FOR THE NEIGHBOR: sets seen and from
    local cache
    for node in $a $b $c; do ip netns add $node; ip -n $node link set lo up; done
    ip -n $a link add e type veth peer name e netns $b
    ip -n $c link add e type veth peer name r netns $b
    ip -n $a addr add 10.1.0.0/31 dev e; ip -n $b addr add 10.1.0.1/31 dev e
    ip -n $c addr add 10.2.0.0/31 dev e; ip -n $b addr add 10.2.0.1/31 dev r
    ip -n $b addr add 10.9.0.2/32 dev lo
    for node in $a $b $c; do ip -n $node link set e up 2>/dev/null || true; done
    ip -n $b link set r up
    ip -n $c route add 10.9.0.2 via 10.2.0.1
    cat >"$tmp/a.conf" <<END_OF_CONFIG
router id 10.9.0.1;
protocol device { }
protocol static own { ipv4; route 198.51.100.0/24 blackhole; }
protocol bgp session {
  local 10.1.0.0 as 65001; neighbor 10.1.0.1 as 65002; connect delay time 1; connect retry time 1;
  ipv4 { import none; export all; };
}
END_OF_CONFIG
    cache="rpki cache tcp 10.2.0.0 323 source 10.9.0.2 preference 1"
    [ "$version" != 8.4.4 ] || cache="rpki cache 10.2.0.0 323 preference 1"
    rm -rf "$tmp/b"; mkdir "$tmp/b"; echo "hostname b" >"$tmp/zebra.conf"
    cat >"$tmp/bgpd.conf" <<END_OF_CONFIG
rpki
 rpki polling_period 10
 rpki retry_interval 1
 $cache
exit
route-map in deny 10
 match rpki invalid
exit
route-map in permit 20
exit
router bgp 65002
 bgp router-id 10.9.0.2
 neighbor 10.1.0.0 remote-as 65001
 neighbor 10.1.0.0 timers connect 1
 address-family ipv4 unicast
  neighbor 10.1.0.0 activate
  neighbor 10.1.0.0 route-map in in
  $1
 exit-address-family
exit
END_OF_CONFIG
    list "$other"
    serve
    local given=(-u root -g root --vty_socket "$tmp/b" -z "$tmp/b/zserv" -P 0 --log stdout)
    ip netns exec $b "$frrs/$version/zebra" "${given[@]}" -f "$tmp/zebra.conf" -i "$tmp/b/z.pid" >"$tmp/z.log" 2>&1 & pids+=($!)
    within 20 test -e "$tmp/b/zserv" || { echo "FRR $version: zebra does not start"; exit 1; }
    ip netns exec $b "$frrs/$version/bgpd" "${given[@]}" -f "$tmp/bgpd.conf" -i "$tmp/b/b.pid" \
        --moduledir "$(dirname "$(ls "$frrs/$version"/root/usr/lib/*/frr/modules/bgpd_rpki.so)")" -M rpki >"$tmp/b.log" 2>&1 & pids+=($!)
    ip netns exec $a bird -f -c "$tmp/a.conf" -s "$tmp/a.ctl" 2>"$tmp/a.log" & pids+=($!)
    within 40 roas 1 && within 30 has || { echo "FRR $version: it does not come up"; tail -n5 "$tmp/b.log"; exit 1; }
    sleep 12   # what it does when it is told for the first time is over
    from=$(sed -n 's/.*Accepted tcp connection from \([0-9.]*\):.*/\1/p' "$tmp/rtr.log" | tail -n1)
    tell "$other,$wrong" 2
    seen=stays; ! within 8 hasnt || seen=goes
    if [ $seen = goes ]; then
        tell "$other" 1
        seen=goes/away; ! within 8 has || seen=goes/back
        ask "clear bgp ipv4 unicast * soft in" >/dev/null
        within 8 has && seen+=/cleared || true
        kill -KILL "$server"; wait "$server" 2>/dev/null || true
        list "$other,$wrong"; serve
        if within 15 roas 2; then seen+=/told; else seen+=/untold; fi
        grep -q 'Session ID mismatch' "$tmp/b.log" && seen+=/mismatch || true
    fi
    end
}
for version in 8.4.4 10.3 10.7.1; do
    [ -d "$frrs/$version" ] || missing "no FRR $version in $frrs"
    echo "FRR $version"
    for situation in "plain::stays" "soft:neighbor 10.1.0.0 soft-reconfiguration inbound:goes/away/cleared/untold/mismatch"; do
        IFS=: read -r name line wanted <<<"$situation"
        trial "$line"
        echo "  $name: $seen; the server was asked from $from"
        [ "$seen" = "$wanted" ] || { echo "the behavior has changed: expected $wanted, seen $seen"; exit 1; }
        [ "$from" = 10.2.0.1 ] || { echo "the behavior has changed: \`source\` is heeded"; exit 1; }
    done
done
