#!/usr/bin/env bash
# Prepares a Rust compiler that has the source of its standard library beside it, so that cargo can build that for targets
# that nothing was downloaded for: FOLDER/rustc. The second run finds nothing to do.
#   usage: rustc-with-source.sh FOLDER
set -euo pipefail

mkdir -p "$1"
cd "$1"
folder=$PWD

# The compiler of this project, if rustup can get the source of its standard library. Otherwise a compiler and a source
# of one version: what Debian builds its browsers with.
install_rustc() {
  if rustup component add rust-src >/dev/null 2>&1; then
    wrapper "$(rustc --print sysroot)/bin/rustc"
    return
  fi
  command -v apt-get >/dev/null || {
    echo 'The source of the standard library is missing: rustup component add rust-src' >&2
    return 1
  }
  if [[ ! -d debian ]]; then download_debian_rustc; fi
  local libraries
  libraries=$(dirname "$(find "$folder/debian" -name 'libLLVM*.so*' -print -quit)"):$folder/debian/usr/lib/x86_64-linux-gnu
  wrapper env LD_LIBRARY_PATH="$libraries" "$folder/debian/usr/bin/rustc"
}

wrapper() { # COMMAND…
  printf '#!/bin/sh\nexec %s"$@"\n' "$(printf '"%s" ' "$@")" >rustc.new
  chmod +x rustc.new
  mv rustc.new rustc
}

download_debian_rustc() {
  [[ -n $(apt-cache show rustc-web 2>/dev/null) ]] || apt-get -qq update
  local std llvm package
  std=$(apt-cache depends libstd-rust-web-dev | awk '/Depends: libstd-rust-web-/ { print $2; exit }')
  llvm=$(apt-cache depends "$std" | awk '/Depends: libllvm/ { print $2; exit }')
  rm -rf packages debian.new && mkdir packages debian.new
  (cd packages && apt-get -qq -o APT::Sandbox::User=root download rustc-web rust-web-src libstd-rust-web-dev "$std" "$llvm")
  for package in packages/*.deb; do
    case $package in
      */rust-web-src_*) # only the standard library, to where -Zbuild-std looks
        mkdir -p debian.new/usr/lib/rustlib/src.new
        dpkg-deb --fsys-tarfile "$package" |
          tar -x -C debian.new/usr/lib/rustlib/src.new --strip-components=4 --wildcards './usr/src/rustc-*/library/*'
        ;;
      *) dpkg -x "$package" debian.new ;;
    esac
  done
  rm -rf debian.new/usr/lib/rustlib/src packages
  mkdir -p debian.new/usr/lib/rustlib/src/rust
  mv debian.new/usr/lib/rustlib/src.new/library debian.new/usr/lib/rustlib/src/rust/
  rm -rf debian.new/usr/lib/rustlib/src.new
  mv debian.new debian
}

install_rustc
