# Sourced by scripts that unpack Debian's packages beside the system's, and install nothing. Needs no root: apt gets
# lists and a cache of its own.

# open_suite TEMPORARY SUITE: sets `apt`, options for apt-get and apt-cache by which there is this suite and nothing
# else, and nothing installed. Packages that are fetched come to TEMPORARY/cache/archives.
open_suite() {
    local tmp=$1 suite=$2 keys=/usr/share/keyrings/debian-archive-keyring.gpg signed=''
    [ ! -e $keys ] || signed=" [signed-by=$keys]"
    mkdir -p "$tmp"/{lists/partial,cache/archives/partial}
    echo "deb$signed http://deb.debian.org/debian $suite main" >"$tmp/sources.list"
    apt=(-o Dir::State::Lists="$tmp/lists" -o Dir::Etc::sourcelist="$tmp/sources.list" -o Dir::Etc::sourceparts=-
        -o Dir::Cache="$tmp/cache" -o Dir::State::status=/dev/null -o Acquire::Languages=none -o Debug::NoLocking=1)
    # As root, apt would fetch as a user who cannot write here.
    [ "$(id -u)" != 0 ] || apt+=(-o APT::Sandbox::User=root)
    apt-get "${apt[@]}" -qq update >&2
}

# fetch_rows WHAT DIR FETCH ROW…: FETCH DIR TEMPORARY WORD… for each row (version, suite, …) that has not been fetched
# yet, in a folder that goes when it is done. WHAT is what people call them.
fetch_rows() {
    local what=$1 dir=$2 fetch=$3 tmp row words failed=0
    shift 3
    for tool in apt-get apt-cache dpkg-deb; do
        command -v $tool >/dev/null || { say "error: no $tool: ${what}s come from Debian's packages"; return 3; }
    done
    for row in "$@"; do
        read -ra words <<<"$row"
        # The note says what was asked for: the version that came may be a later one.
        if grep -qsxF "$row" "$dir"/*/asked-for; then
            say "$what ${words[0]} of ${words[1]}: there"
            continue
        fi
        tmp=$(mktemp -d "$dir/.fetching-XXXXXX")
        "$fetch" "$dir" "$tmp" "${words[@]}" || { say "error: no $what ${words[0]} of ${words[1]}"; failed=3; }
        rm -rf "$tmp"
    done
    return $failed
}
