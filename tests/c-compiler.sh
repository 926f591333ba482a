#!/usr/bin/env bash
# Prepares a C compiler for Rust's targets of Android and iOS, where there is no NDK and no Xcode: what the cryptography of
# rust/net (ring) is written in, and what Android's unwinder is. The second run finds nothing to do.
#   usage: c-compiler.sh FOLDER TARGET…
# FOLDER/ziglang        the compiler: zig, which is clang with the headers of many systems
# FOLDER/TARGET/cc, ar  for one of Rust's targets, as the crate cc calls them
# FOLDER/sdk            what the crate cc takes for an SDK of Apple's, so that it does not ask for one
set -euo pipefail

readonly ZIG_VERSION=0.17.1
mkdir -p "$1"
cd "$1"
folder=$PWD

install_zig() {
  [[ $(cat ziglang/installed 2>/dev/null) == "$ZIG_VERSION" ]] && return
  rm -rf ziglang zig-new
  export PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
  python3 -m pip install -q --no-deps --target zig-new "ziglang==$ZIG_VERSION"
  mv zig-new/ziglang ziglang
  rm -rf zig-new
  echo "$ZIG_VERSION" >ziglang/installed
}

# zig knows no Android, whose headers are not needed for a library without a system under it; musl's have the same types.
zig_target() {
  case $1 in
    aarch64-linux-android) echo aarch64-linux-musl ;;
    x86_64-linux-android) echo x86_64-linux-musl ;;
    armv7-linux-androideabi) echo arm-linux-musleabi ;;
    i686-linux-android) echo x86-linux-musl ;;
    aarch64-apple-ios) echo 'aarch64-ios.$IPHONEOS_DEPLOYMENT_TARGET' ;;
    aarch64-apple-ios-sim) echo 'aarch64-ios.$IPHONEOS_DEPLOYMENT_TARGET-simulator' ;;
    x86_64-apple-ios) echo 'x86_64-ios.$IPHONEOS_DEPLOYMENT_TARGET-simulator' ;;
    *) echo "no C compiler for $1" >&2 && return 1 ;;
  esac
}

# The crate cc names the target in ways of its own, which zig does not know; it knows better.
install_compiler() { # TARGET
  local zig="$folder/ziglang/zig" target flags=()
  target=$(zig_target "$1")
  # Apple's headers are part of an SDK; zig has those of Darwin's C library.
  [[ $1 == *-apple-* ]] &&
    flags=(-nostdinc -isystem "$folder/ziglang/lib/include" -isystem "$folder/ziglang/lib/libc/include/any-darwin-any")
  mkdir -p "$1"
  executable "$1/cc" <<EOS
#!/usr/bin/env bash
arguments=()
while ((\$#)); do
  case \$1 in
    --target=* | -mios*-version-min=* | -miphone*-version-min=* | -march=armv7-a) ;;
    -isysroot | -target | -arch) shift ;;
    *) arguments+=("\$1") ;;
  esac
  shift
done
export ZIG_GLOBAL_CACHE_DIR=$folder/zig-cache ZIG_LOCAL_CACHE_DIR=$folder/zig-cache
exec "$zig" cc -target $target -fno-sanitize=undefined ${flags[*]} "\${arguments[@]}"
EOS
  executable "$1/ar" <<EOS
#!/bin/sh
exec "$zig" ar "\$@"
EOS
}

# A file that is whole or not there.
executable() { # NAME, text from standard input
  cat >"$1.new" && chmod +x "$1.new" && mv "$1.new" "$1"
}

install_zig
mkdir -p sdk/usr
for target in "${@:2}"; do install_compiler "$target"; done
