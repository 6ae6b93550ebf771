# Sourced by the other scripts: where the project is, and a PATH in which cargo and BIRD are found.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

# An ordinary user's PATH lacks sbin on Debian; a fresh shell's may lack cargo's folder.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
command -v cargo >/dev/null || export PATH="$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"

say() { printf '%s\n' "$*" >&2; }
