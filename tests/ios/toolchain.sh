#!/usr/bin/env bash
# Makes a directory with a Debian 13 in it that has Swift 6, and Foundation for Objective-C (GNUstep), for tests where there
# is no Xcode. What is installed on this machine stays as it is, but for debootstrap. in-root.sh runs commands in it.
#   usage: toolchain.sh FOLDER       the second run finds nothing to do
set -euo pipefail

readonly PACKAGES=swiftlang,libc6-dev,libstdc++-14-dev,binutils,gcc,libgnustep-base-dev,ruby
readonly HOSTS='leaf http1 h2 intermediate rotating wrong-host slow-response half-close'
folder=$(realpath -m "$1")

if [[ $(cat "$folder/made-with" 2>/dev/null) == "$PACKAGES $HOSTS" ]]; then exit; fi

if ((EUID != 0)); then
  sudo -n true 2>/dev/null || {
    echo 'Only root can make a root directory with Swift in it (debootstrap, chroot), and sudo asks for a password.' >&2
    exit 1
  }
  exec sudo -n bash "$0" "$folder"
fi

if ! command -v debootstrap >/dev/null || [[ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]]; then
  command -v apt-get >/dev/null || {
    echo 'debootstrap is missing, and there is no apt-get to install it with.' >&2
    exit 1
  }
  apt-get -qq update
  apt-get -qq install -y --no-install-recommends debootstrap debian-archive-keyring
fi

# Where this machine gets its own Debian from; another system's debootstrap knows where Debian is.
mirror=()
if grep -q '^ID=debian$' /etc/os-release; then
  # shellcheck disable=SC2016 # apt-get expands it
  mapfile -t -n 1 mirror < <(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security)
fi

rm -rf --one-file-system "$folder.new"
mkdir -p "$(dirname "$folder")"
debootstrap --variant=minbase --include="$PACKAGES" trixie "$folder.new" "${mirror[@]}"
rm -f "$folder.new"/var/cache/apt/archives/*.deb
# The testbed's servers are found, and their root, which a test writes there, is all that is trusted.
mkdir -p "$folder.new/etc/ssl/certs"
ln -sf /tmp/spki-testbed-roots.pem "$folder.new/etc/ssl/certs/ca-certificates.crt"
for host in $HOSTS; do echo "127.0.0.1 $host.spki.test"; done >>"$folder.new/etc/hosts"
echo "$PACKAGES $HOSTS" >"$folder.new/made-with"
rm -rf --one-file-system "$folder"
mv "$folder.new" "$folder"
