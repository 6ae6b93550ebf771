# Sourced by scripts that install Debian packages.

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        # Nobody is there to type a password.
        sudo -n "$@"
    fi
}

# install_packages PACKAGE…
install_packages() {
    # A fresh container or image has no package lists yet.
    as_root env DEBIAN_FRONTEND=noninteractive sh -c '
        apt-get install -y --no-install-recommends "$@" >&2 ||
            { apt-get update >&2 && apt-get install -y --no-install-recommends "$@" >&2; }' sh "$@"
}
