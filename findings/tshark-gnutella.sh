#!/usr/bin/env bash
# A capture of Gnutella that tshark reads without a complaint, and what of it tshark has not read.
#
# Valid Gnutella 0.6, as hex dumps that text2pcap puts into TCP segments to port 6346. "Malformed" or an expert's word
# appears nowhere, in any of them:
#   apart    handshake, then Ping, Query, PATCH of a query routing table, each in a segment of its own
#   joined   the end of the handshake, a Ping and a Query in one segment: all three are a nameless stream, so the two
#            messages are gone. A client may send so: the third part of the handshake does not wait for an answer
#   long     a PATCH (4-bit entries, zero where nothing changes) with a payload of 4096 bytes, then a Query: read
#   longer   the same with 4097 bytes, in one segment: neither it nor the Query behind it is there
#   split    the same in two segments: the zeros of the second are read as Pings that nobody sent
#   port     `apart` to port 6347: not Gnutella; no heuristic recognizes it
# Expected beforehand: all messages of all six are read, by the length in their headers, of which the protocol has no
# limit of 4096 bytes (a table of 65,536 slots has 32 KiB); PATCH has a name.
# Seen: as written above; ROUTE-TABLE-UPDATE (0x30) and BYE (0x02) are `Unknown`. Wireshark's dissector
# (epan/dissectors/packet-gnutella.c) takes a header with a longer payload for none.
# So: that tshark complains of nothing says little. Count what it read; send PATCHes of 4096 bytes at most, and
# messages apart from the handshake, if a capture is to be read.
# Exit code 1: something else than that is seen now.
#
# usage: tshark-gnutella.sh      Debian's packages; half a minute; nothing stays on the machine
set -euo pipefail
suite=trixie version=4.4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

mkdir -p "$tmp"/{lists/partial,cache/archives/partial,root}
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" >"$tmp/sources.list"
apt=(-o Dir::State::Lists="$tmp/lists" -o Dir::Etc::sourcelist="$tmp/sources.list" -o Dir::Etc::sourceparts=-
    -o Dir::Cache="$tmp/cache" -o Dir::State::status=/dev/null -o Debug::NoLocking=1)
[ "$(id -u)" != 0 ] || apt+=(-o APT::Sandbox::User=root)
apt-get "${apt[@]}" -qq update
exact=$(apt-cache "${apt[@]}" madison tshark | awk '{ print $3 }' | grep -m1 -F "$version.") ||
    { echo "$suite no longer has tshark $version"; exit 1; }
apt-get "${apt[@]}" -qq --yes --no-install-recommends --download-only install "tshark=$exact" >/dev/null
for deb in "$tmp"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$tmp/root"; done
libraries=("$tmp"/root/usr/lib/*-linux-gnu)
program() {
    local name=$1
    shift
    "$libraries"/ld-linux*.so.* --library-path "$libraries" "$tmp/root/usr/bin/$name" "$@"
}

zeros() { head -c "$1" /dev/zero | od -An -v -tx1 | tr -d ' \n'; }
text() { printf '%b' "$1" | od -An -v -tx1 | tr -d ' \n'; }
# TYPE PAYLOAD, both as hex: GUID, type, TTL, hops, length (little endian), payload
message() {
    local length
    length=$(printf '%08x' $((${#2} / 2)))
    printf '%032x%s0400%s%s%s%s%s' $((RANDOM + 1)) "$1" "${length:6:2}" "${length:4:2}" "${length:2:2}" "${length:0:2}" "$2"
}
ping() { message 00 ''; }
query() { message 80 "0000$(text 'blue moon\0')"; }
# PAYLOAD's length: PATCH, 1 of 1, not compressed, 4 bits an entry
patch() { message 30 "0101010004$(zeros $(($1 - 5)))"; }

# FILE PORT SEGMENT…: hex; the first two and the third are the handshake's parts
capture() {
    local file=$1 port=$2 segment direction part=0
    shift 2
    for segment; do
        part=$((part + 1))
        direction=O
        [ $part != 2 ] || direction=I
        printf '%s\n000000 %s\n' "$direction" "$(printf '%s' "$segment" | sed 's/../& /g')"
    done >"$tmp/hex"
    program text2pcap -q -D -T "40000,$port" "$tmp/hex" "$file" 2>/dev/null
}
asks=$(text 'GNUTELLA CONNECT/0.6\r\nX-Ultrapeer: False\r\n\r\n')
agrees=$(text 'GNUTELLA/0.6 200 OK\r\nX-Ultrapeer: True\r\n\r\n')
confirms=$(text 'GNUTELLA/0.6 200 OK\r\n\r\n')

# FILE: what tshark read, in order, and whether it complains of anything
read_by_tshark() {
    program tshark -r "$1" -T fields -e gnutella.header.payload -E occurrence=a 2>/dev/null | grep . | tr ',\n' '  ' |
        sed -E 's/\b(0x0*|)0\b/Ping/g; s/\b128\b|0x80/Query/g; s/\b48\b|0x30/0x30/g; s/ +$//'
    program tshark -r "$1" -Y '_ws.malformed || _ws.expert.severity >= 6291456' 2>/dev/null | sed 's/.*/ complaint/' | head -n1
}

fail=0
see() { # NAME EXPECTED SEGMENT…
    local name=$1 expected=$2 port=6346 seen
    shift 2
    [ "$name" != port ] || port=6347
    capture "$tmp/$name.pcap" $port "$asks" "$agrees" "$@"
    seen=$(read_by_tshark "$tmp/$name.pcap")
    if [ "$expected" = phantoms ]; then
        [[ $seen =~ ^Ping( Ping){20} && $seen != *complaint* ]] || fail=1
        seen="Ping, $(grep -o Ping <<<"$seen" | wc -l) times"
    else
        [ "$seen" = "$expected" ] || fail=1
    fi
    printf '%-8s read: %s\n' "$name" "${seen:-nothing}"
}
echo "tshark $exact"
longer=$(patch 4097)
see apart "Ping Query 0x30" "$confirms" "$(ping)" "$(query)" "$(patch 64)"
see joined "" "$confirms$(ping)$(query)"
see long "0x30 Query" "$confirms" "$(patch 4096)$(query)"
see longer "" "$confirms" "$longer$(query)"
see split phantoms "$confirms" "${longer:0:4000}" "${longer:4000}"
see port "" "$confirms" "$(ping)" "$(query)" "$(patch 64)"
[ $fail = 0 ] || { echo "that is not what was seen with 4.4.19"; exit 1; }
