#!/usr/bin/env bash
# Prepares what a real aarch64-linux-android library needs where there is no NDK. A release is built with one
# (`npm run build:android`); this is for tests on any x86_64 Debian or Ubuntu.
#   usage: toolchain.sh FOLDER       the second run finds nothing to do
# FOLDER/rustc    a Rust compiler
# FOLDER/options  what cargo needs to be told beside it
# FOLDER/clang    a linker with the arguments of clang. The link fails on any symbol that Android 6 (API 23) lacks: it
#                 sees libraries that export exactly what that version's did, and no symbol may stay open.
set -euo pipefail

readonly ZIG_VERSION=0.17.1 UNIDBG_VERSION=0.9.8
folder=$(realpath -m "$1")
mkdir -p "$folder"
cd "$folder"

# A file that is whole or not there.
executable() { # NAME, text from standard input
  cat >"$1.new" && chmod +x "$1.new" && mv "$1.new" "$1"
}

# The compiler of this project with its standard library for Android, if rustup can get that. Otherwise a compiler with
# the source of its standard library, of one version: what Debian builds its browsers with.
install_rustc() {
  if rustup target add aarch64-linux-android >/dev/null 2>&1; then
    printf '#!/bin/sh\nexec "%s/bin/rustc" "$@"\n' "$(rustc --print sysroot)" | executable rustc
    : >options
    return
  fi
  echo '-Zbuild-std=std,panic_unwind' >options
  if [[ ! -d debian ]]; then download_debian_rustc; fi
  local libraries
  libraries=$(dirname "$(find "$folder/debian" -name 'libLLVM*.so*' -print -quit)"):$folder/debian/usr/lib/x86_64-linux-gnu
  printf '#!/bin/sh\nexec env LD_LIBRARY_PATH="%s" "%s/debian/usr/bin/rustc" "$@"\n' "$libraries" "$folder" |
    executable rustc
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

# A C cross compiler, which also carries the source of LLVM's libunwind, the unwinder of the NDK.
install_zig() {
  [[ -x zig-$ZIG_VERSION/ziglang/zig ]] && return
  rm -rf "zig-$ZIG_VERSION"
  export PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
  python3 -m pip install -q --no-deps --target zig-new "ziglang==$ZIG_VERSION"
  mv zig-new "zig-$ZIG_VERSION"
}

# Libraries to link with.
make_sysroot() {
  [[ -d sysroot ]] && return
  rm -rf sysroot-new bionic jar && mkdir -p sysroot-new/objects
  # Android 6's own libraries are part of the emulator.
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -DoutputDirectory="$folder/jar" \
    -Dartifact="com.github.zhkl0228:unidbg-android:$UNIDBG_VERSION"
  local name
  for name in c m dl log; do
    unzip -qoj "jar/unidbg-android-$UNIDBG_VERSION.jar" "android/sdk23/lib64/lib$name.so" -d bionic
    stub "bionic/lib$name.so" >"sysroot-new/objects/$name.s"
    "$zig" cc -target aarch64-linux-musl -c "sysroot-new/objects/$name.s" -o "sysroot-new/objects/$name.o"
    "$lld" -flavor gnu -shared -soname "lib$name.so" -o "sysroot-new/lib$name.so" "sysroot-new/objects/$name.o"
  done
  make_unwinder
  rm -rf jar bionic sysroot-new/objects
  mv sysroot-new sysroot
}

# Assembly that exports the names that a library exports, and nothing behind them.
stub() {
  readelf --dyn-syms -W "$1" 2>/dev/null | awk '
    BEGIN { print ".data" }
    $7 != "UND" && ($5 == "GLOBAL" || $5 == "WEAK") && ($4 == "FUNC" || $4 == "OBJECT" || $4 == "NOTYPE") {
      split($8, versioned, "@"); name = versioned[1]
      if (name == "" || seen[name]++) next
      printf ".globl %s\n.type %s,%%%s\n%s: .8byte 0\n.size %s,8\n", \
        name, name, $4 == "OBJECT" ? "object" : "function", name, name
    }'
}

make_unwinder() {
  local source="$folder/zig-$ZIG_VERSION/ziglang/lib/libunwind" file
  local flags=(-target aarch64-linux-musl -D__ANDROID__ -D__errno_location=__errno -DNDEBUG -fPIC -Oz -fno-sanitize=undefined -funwind-tables
    -fvisibility=hidden -D_LIBUNWIND_IS_NATIVE_ONLY -D_LIBUNWIND_HIDE_SYMBOLS -I"$source/include")
  "$zig" c++ "${flags[@]}" -std=c++17 -nostdinc++ -fno-exceptions -fno-rtti -c "$source/src/libunwind.cpp" \
    -o sysroot-new/objects/libunwind.o
  for file in UnwindLevel1.c UnwindLevel1-gcc-ext.c UnwindRegistersRestore.S UnwindRegistersSave.S; do
    "$zig" cc "${flags[@]}" -c "$source/src/$file" -o "sysroot-new/objects/unwind-$file.o"
  done
  "$zig" ar rcs sysroot-new/libunwind.a sysroot-new/objects/libunwind.o sysroot-new/objects/unwind-*.o
  echo 'INPUT(-lunwind)' >sysroot-new/libgcc.a # what older standard libraries ask for
}

# rustc calls clang; there is only lld, which knows no -Wl, and none of clang's own options.
make_linker() {
  executable clang <<EOF
#!/usr/bin/env bash
options=()
for option in "\$@"; do
  case \$option in
    -nodefaultlibs | -nostartfiles | -m* | -fuse-ld=* | --target=* | -B*) ;;
    -Wl,*) IFS=, read -ra inner <<<"\${option#-Wl,}" && options+=("\${inner[@]}") ;;
    *) options+=("\$option") ;;
  esac
done
exec "$lld" -flavor gnu -z defs --eh-frame-hdr -L"$folder/sysroot" "\${options[@]}"
EOF
}

lld=$(find "$(rustc --print sysroot)/lib/rustlib" -name rust-lld -print -quit)
zig=$folder/zig-$ZIG_VERSION/ziglang/zig
export ZIG_GLOBAL_CACHE_DIR=$folder/zig-cache ZIG_LOCAL_CACHE_DIR=$folder/zig-cache
install_rustc
install_zig
make_sysroot
make_linker
