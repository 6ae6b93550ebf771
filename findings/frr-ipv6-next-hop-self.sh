#!/usr/bin/env bash
# FRR 8.4.4: a `set` about next hops that come in takes `next-hop-self` from what goes out to iBGP neighbors.
#
# Three FRRs of one version: e (AS 65001) announces an IPv6 prefix to r (AS 65002), and r to its iBGP neighbor i with
# `next-hop-self`. r's route map for what comes from e is empty, or says `set ipv6 next-hop prefer-global`, which is
# about which of e's two addresses, global or link-local, r itself uses.
# Expected beforehand, of all: i gets r's own address as the next hop, with that line and without. Seen: so with 10.3
# and 10.7.1. 8.4.4 with the line tells i the address of e, which i cannot reach: i has the route and does not use it.
# Exit code 1: something else than that is seen now. 3: something is missing or could not be fetched.
#
# usage: frr-ipv6-next-hop-self.sh    root; Debian's packages; 3 minutes; nothing stays on the machine
set -euo pipefail
tmp=$(mktemp -d); id=$$; pids=(); nodes=()
cleanup() {
    end
    rm -rf "$tmp"
}
trap cleanup EXIT
end() {
    [ ${#pids[@]} = 0 ] || { kill -KILL "${pids[@]}" 2>/dev/null; wait "${pids[@]}" 2>/dev/null; } || true
    for node in "${nodes[@]}"; do ip netns del "$node" 2>/dev/null || true; done
    pids=() nodes=()
}
missing() { echo "$1"; exit 3; }
[ "$(id -u)" = 0 ] || missing "not root"
for tool in ip apt-get apt-cache dpkg-deb; do command -v $tool >/dev/null || missing "no $tool"; done

# A version of FRR with the libraries it was built for, beside whatever the system has.
fetch() { # VERSION SUITE
    local at="$tmp/$1" keys=/usr/share/keyrings/debian-archive-keyring.gpg exact direct needed name
    mkdir -p "$at"/{lists/partial,cache/archives/partial,deb,root/usr/share}
    echo "deb [signed-by=$keys] http://deb.debian.org/debian $2 main" >"$at/sources.list"
    local apt=(-o Dir::State::Lists="$at/lists" -o Dir::Etc::sourcelist="$at/sources.list" -o Dir::Etc::sourceparts=-
        -o Dir::Cache="$at/cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root)
    apt-get "${apt[@]}" -qq update || missing "no list of Debian's $2"
    exact=$(apt-cache "${apt[@]}" madison frr | awk '{ print $3 }' | grep -m1 "^$1[-+~]") ||
        missing "$2 no longer has frr $1"
    direct=$(apt-cache "${apt[@]}" depends --important frr | sed -n 's/^ *Depends: \(lib[^ <]*\).*/\1/p')
    needed=$(apt-cache "${apt[@]}" depends --recurse --important $direct |
        sed -n 's/^ *\(Pre\)\?Depends: \(lib[^ <]*\).*/\2/p')
    (cd "$at/deb" && apt-get "${apt[@]}" -qq download "frr=$exact" $(printf '%s\n' $direct $needed | sort -u) >/dev/null) ||
        missing "frr $exact cannot be fetched"
    for deb in "$at"/deb/*.deb; do dpkg-deb -x "$deb" "$at/root"; done
    # Looked for at the system's places only: the group of those who may use the sockets, and libyang's modules.
    sed -i 's/frrvty\x00/root\x00\x00\x00/g' "$at"/root/usr/lib/frr/{zebra,bgpd}
    for name in "$at"/root/usr/lib/*/libyang.so.*; do
        [ -L "$name" ] || sed -i "s,/usr/share/yang/modules/libyang\x00,yang/modules/libyang\x00$(printf '\\x00%.0s' {1..11}),g" "$name"
    done
}
program() { # PROGRAM ARGUMENT…: a program of $version with its own libraries
    local root="$tmp/$version/root" path
    path=usr/lib/frr/$1; [ -e "$root/$path" ] || path=usr/bin/$1
    cd "$root/usr/share"
    exec "$(find "$root" -name 'ld-linux*.so.*' -print | sort | head -n1)" --library-path \
        "$(printf '%s:' "$root"/usr/lib/*-linux-gnu "$root"/usr/lib/*-linux-gnu/frr "$root"/lib/*-linux-gnu)" \
        "$root/$path" "${@:2}"
}
ask() { # NODE COMMAND
    (program vtysh --config_dir "$tmp/$version-$1" --vty_socket "$tmp/$version-$1" -d bgpd -c "$2") 2>/dev/null || true
}
node() { # NODE: a namespace
    nodes+=("$1$id")
    ip netns add "$1$id"
    ip -n "$1$id" link set lo up
}
start() { # NODE: zebra and bgpd with the config $tmp/NODE.conf
    local at="$tmp/$version-$1" name
    mkdir -p "$at/var"
    echo "username root nopassword" >"$at/vtysh.conf"
    for name in zebra bgpd; do
        : >"$at/zebra.conf"; cp "$tmp/$1.conf" "$at/bgpd.conf"
        # They leave files in /var/tmp: they get one of their own, which goes with the namespace.
        export -f program; export tmp version
        ip netns exec "$1$id" bash -c 'mount --bind "$1" /var/tmp && shift && program "$@"' - "$at/var" $name \
            -u root -g root --log "file:$at/$name.log" -f "$at/$name.conf" -z "$at/zserv" -i "$at/$name.pid" \
            --vty_socket "$at" >"$at/$name.out" 2>&1 &
        pids+=($!)
        [ $name = bgpd ] || until [ -S "$at/zserv" ] || ! kill -0 $! 2>/dev/null; do sleep 0.1; done
    done
}
trial() { # MAP: whether the import route map has the line; sets hop and used
    local map='' of end
    hop='none'
    [ "$1" = without ] || map=$' set ipv6 next-hop prefer-global\n'
    for of in e r i; do node $of; done
    ip -n e$id link add x type veth peer name x netns r$id
    ip -n r$id link add y type veth peer name y netns i$id
    for of in e:x:1::e r:x:1::1 r:y:2::1 i:y:2::2; do
        ip netns exec ${of%%:*}$id sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.$(cut -d: -f2 <<<$of).accept_dad=0
        ip -n ${of%%:*}$id addr add fd0${of#*:*:}/64 dev "$(cut -d: -f2 <<<$of)" nodad
        ip -n ${of%%:*}$id link set "$(cut -d: -f2 <<<$of)" up
    done
    cat >"$tmp/e.conf" <<END
router bgp 65001
 bgp router-id 10.9.0.1
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 no bgp network import-check
 neighbor fd01::1 remote-as 65002
 neighbor fd01::1 timers connect 1
 address-family ipv6 unicast
  network 2001:db8:1::/48
  neighbor fd01::1 activate
 exit-address-family
END
    cat >"$tmp/r.conf" <<END
route-map IN permit 10
${map}exit
router bgp 65002
 bgp router-id 10.9.0.2
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 neighbor fd01::e remote-as 65001
 neighbor fd01::e timers connect 1
 neighbor fd02::2 remote-as 65002
 neighbor fd02::2 timers connect 1
 address-family ipv6 unicast
  neighbor fd01::e activate
  neighbor fd01::e route-map IN in
  neighbor fd02::2 activate
  neighbor fd02::2 next-hop-self
 exit-address-family
END
    cat >"$tmp/i.conf" <<END
router bgp 65002
 bgp router-id 10.9.0.3
 no bgp default ipv4-unicast
 neighbor fd02::1 remote-as 65002
 neighbor fd02::1 timers connect 1
 address-family ipv6 unicast
  neighbor fd02::1 activate
 exit-address-family
END
    for of in e r i; do start $of; done
    end=$((SECONDS + 60))
    until ask i 'show bgp ipv6 unicast 2001:db8:1::/48' | grep -q 'Paths: (1'; do
        [ $SECONDS -lt $end ] || { echo "FRR $version: the route does not come to the iBGP neighbor"; exit 1; }
        sleep 0.3
    done
    sleep 3   # what is told may change once more
    hop=$(ask i 'show bgp ipv6 unicast 2001:db8:1::/48' | sed -n 's/^ *\(fd[^ ]*\).* from .*/\1/p' | head -n1)
    used=unused
    ! ask i 'show bgp ipv6 unicast 2001:db8:1::/48' | grep -q 'valid.*best' || used=used
    end
}
# expect VERSION SUITE NEXT-HOP-WITH-THE-LINE/USED
expect() {
    version=$1
    fetch "$1" "$2"
    local line seen=''
    echo "FRR $version"
    for line in without with; do
        trial $line
        echo "  $line the line: the iBGP neighbor hears the next hop $hop, and the route is $used"
        seen+=" $hop/$used"
        rm -rf "$tmp/$version"-*
    done
    [ "$seen" = " fd02::1/used $3" ] || { echo "the behavior has changed: expected fd02::1/used $3, seen$seen"; exit 1; }
    rm -rf "${tmp:?}/$version"
}
expect 8.4.4 bookworm fd01::e/unused
expect 10.3 trixie fd02::1/used
expect 10.7.1 sid fd02::1/used
