#!/usr/bin/env bash
# Runs a command in the directory that toolchain.sh makes, with this repository at the same path as outside. Mounts and
# processes are in namespaces of their own: nothing of them is left, however this ends.
#   usage: in-root.sh COMMAND…       for instance: in-root.sh swift test --package-path ios --filter Races
set -euo pipefail

repository=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
root=$repository/.tools/swift-root

if [[ ${1:-} == --inside ]]; then # as root, in the new namespaces
  user=$2
  shift 2
  mkdir -p "$root$repository"
  mount --bind "$repository" "$root$repository"
  mount --rbind /dev "$root/dev"
  mount -t proc proc "$root/proc"
  # The first process of a namespace only gets signals that it asked for; with its end all others end.
  trap 'exit 130' INT TERM
  # shellcheck disable=SC2016 # expanded inside
  chroot --userspec="$user" "$root" \
    env -u TMPDIR PATH=/usr/bin:/usr/libexec/swift/bin HOME=/tmp LC_ALL=C.UTF-8 SPKI_TESTBED_REACHABLE=1 \
    bash -c 'cd "$0" && exec "$@"' "$repository" "$@" &
  wait $!
  exit
fi

as_root=()
((EUID == 0)) || as_root=(sudo -n --preserve-env)
exec "${as_root[@]}" unshare --mount --pid --fork --kill-child bash "$0" --inside "$(id -u):$(id -g)" "$@"
