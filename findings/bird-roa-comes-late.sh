#!/usr/bin/env bash
# BIRD and a ROA that comes later than the route that it makes invalid: the route stays, route refresh or not.
#
# Two BIRDs with a session between ASes. One announces a prefix; the other one refuses in its import filter what
# `roa_check` calls invalid, and has a ROA table fed by a static protocol. There is no ROA, so the route is accepted.
# Then a ROA that does not allow it is added, and the config read again; once more, the static protocol enabled.
# A BGP channel is looked at again after a change of ROAs only if it has `import table yes`: that both ends have route
# refresh does not count, nor do `rpki reload yes` (the default) and `import keep filtered`. BIRD says so in its log,
# once, when the session comes up: "Automatic RPKI reload not active for import". (In the source, nest/proto.c:
# `channel_roa_subscribe_filter`.)
#
#   plain      neither option
#   no-refresh `enable route refresh no` at the announcer
#   reload     `rpki reload yes` and `import keep filtered`
#   table      `import table yes`
#   table-only as `table`, and `enable route refresh no` at the announcer
#   enabled    as `plain`, but the ROA comes with `birdc enable`
# Expected beforehand, of all: the route is dropped within a second. Seen: with an import table it goes 1.0 to 1.4 s
# later (ROAs have to be unchanged for a second); otherwise it is there 8 s later. It goes within 10 s of `birdc reload
# in` (3.4.0: `reload filters in`), which asks for a route refresh; without one that fails, and the route stays.
# Exit code 1: something else than that is seen now. 3: something is missing or could not be fetched.
#
# usage: bird-roa-comes-late.sh    root; Debian's packages; 3 minutes; nothing stays on the machine
set -euo pipefail
tmp=$(mktemp -d); a=roa$$-a; b=roa$$-b; pids=()
end() {
    [ ${#pids[@]} = 0 ] || { kill -KILL "${pids[@]}" 2>/dev/null; wait "${pids[@]}" 2>/dev/null; } || true
    for node in $a $b; do ip netns del $node 2>/dev/null || true; done
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
ask() { "$tmp/$version/birdc" -s "$tmp/b.ctl" "$@" 2>/dev/null || true; }
has() { ask show route 198.51.100.0/24 table master4 | grep -q '198.51.100.0/24'; }
config() { # CHANNEL [OF THE ROA PROTOCOL]
    cat >"$tmp/b.conf" <<END
router id 10.9.0.2;
log "$tmp/b.log" all;
roa4 table published;
protocol device { }
protocol static roas { roa4 { table published; }; ${2-} }
protocol bgp session {
  local 10.1.0.1 as 65002; neighbor 10.1.0.0 as 65001; passive yes;
  ipv4 {
    import filter { if roa_check(published, net, bgp_path.last) = ROA_INVALID then reject; accept; };
    export none;
    $1
  };
}
END
}
trial() { # SITUATION: sets seen
    local announcer='' channel='' roa='route 198.51.100.0/24 max 24 as 65099;' until at
    case $1 in no-refresh | table-only) announcer='enable route refresh no;' ;; esac
    case $1 in
    table*) channel='import table yes;' ;;
    reload) channel='rpki reload yes; import keep filtered yes;' ;;
    esac
    ip netns add $a
    ip netns add $b
    ip -n $a link add e type veth peer name e netns $b
    ip -n $a addr add 10.1.0.0/31 dev e
    ip -n $b addr add 10.1.0.1/31 dev e
    for node in $a $b; do ip -n $node link set lo up; ip -n $node link set e up; done
    cat >"$tmp/a.conf" <<END
router id 10.9.0.1;
log "$tmp/a.log" all;
protocol device { }
protocol static own { ipv4; route 198.51.100.0/24 blackhole; }
protocol bgp session {
  local 10.1.0.0 as 65001; neighbor 10.1.0.1 as 65002; connect delay time 1; connect retry time 1; $announcer
  ipv4 { import none; export all; };
}
END
    config "$channel" "$([ "$1" != enabled ] || echo "disabled; $roa")"
    : >"$tmp/b.log"
    for node in b a; do
        ip netns exec "$([ $node = a ] && echo $a || echo $b)" "$tmp/$version/bird" -f -c "$tmp/$node.conf" -s "$tmp/$node.ctl" \
            2>"$tmp/$node.err" &
        pids+=($!)
    done
    until=$((SECONDS + 30))
    until has; do
        [ $SECONDS -lt $until ] || { echo "BIRD $version $1: the route does not come"; exit 1; }
        sleep 0.1
    done
    sleep 3   # the session is up and quiet
    at=$(date +%s%N)
    if [ "$1" = enabled ]; then ask enable roas >/dev/null; else config "$channel" "$roa"; ask configure >/dev/null; fi
    seen=stays
    for _ in $(seq 80); do has || { seen=goes; break; }; sleep 0.1; done
    at=$((($(date +%s%N) - at) / 1000000))
    ask eval "roa_check(published, 198.51.100.0/24, 65001) = ROA_INVALID" | grep -qi true ||
        { echo "BIRD $version $1: the ROA is not in the table"; exit 1; }
    if [ $seen = stays ]; then
        seen+=/stays
        ask "${reload[@]}" session >"$tmp/answer"
        for _ in $(seq 100); do
            has || { seen=stays/goes; break; }
            ! grep -q failed "$tmp/answer" || { seen=stays/failed; break; }
            sleep 0.1
        done
    fi
    case $seen in
    goes) echo "  $1: the route goes after $at ms" ;;
    *) echo "  $1: the route stays for $at ms; with \`${reload[*]}\`: ${seen#*/}; BIRD warned $(grep -c 'Automatic RPKI reload not active' "$tmp/b.log" || true) times" ;;
    esac
    end
}
# expect VERSION SUITE PACKAGE
expect() {
    local situation wanted
    version=$1 reload=(reload in)
    [ "$3" = bird2 ] || reload=(reload filters in)   # 3.4.0 no longer knows the other words
    fetch "$@"
    echo "BIRD $version"
    for situation in plain:stays/goes no-refresh:stays/failed reload:stays/goes table:goes table-only:goes \
        enabled:stays/goes; do
        wanted=${situation#*:}
        trial "${situation%%:*}"
        [ $seen = "$wanted" ] || { echo "the behavior has changed: expected $wanted, seen $seen"; exit 1; }
    done
    rm -rf "${tmp:?}/$version"
}
expect 2.0.12 bookworm bird2
expect 2.17.6 trixie bird2
expect 3.4.0 sid bird3
