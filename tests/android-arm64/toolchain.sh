#!/usr/bin/env bash
# Prepares what a real library for Android needs where there is no NDK. A release is built with one
# (`npm run build:android`); this is for tests on any x86_64 Debian or Ubuntu.
#   usage: toolchain.sh FOLDER C-FOLDER TARGET…      the second run finds nothing to do
# C-FOLDER is that of ../c-compiler.sh
# FOLDER/rustc          a Rust compiler with the source of its standard library
# FOLDER/TARGET/clang   a linker with the arguments of clang, for one of Rust's targets. The link fails on any symbol
#                       that Android 6 (API 23) lacks: it sees libraries that export exactly what that version's did,
#                       and no symbol may stay open.
set -euo pipefail

readonly UNIDBG_VERSION=0.9.8
scripts=$(realpath "$(dirname "$0")/..")
folder=$(realpath -m "$1") c_folder=$(realpath -m "$2")
readonly targets=("${@:3}")
mkdir -p "$folder"
cd "$folder"

# A file that is whole or not there.
executable() { # NAME, text from standard input
  cat >"$1.new" && chmod +x "$1.new" && mv "$1.new" "$1"
}

# Android 6's own libraries are part of the emulator.
extract_bionic() {
  [[ -d bionic ]] && return
  rm -rf jar bionic.new && mkdir bionic.new
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -DoutputDirectory="$folder/jar" \
    -Dartifact="com.github.zhkl0228:unidbg-android:$UNIDBG_VERSION"
  local bits
  for bits in lib lib64; do
    unzip -qoj "jar/unidbg-android-$UNIDBG_VERSION.jar" "android/sdk23/$bits/lib"{c,m,dl,log}.so -d "bionic.new/$bits"
  done
  rm -rf jar
  mv bionic.new bionic
}

# Libraries to link with, in TARGET/sysroot. Those of the emulator are for ARM; for x86 their names will do.
make_sysroot() { # TARGET
  [[ -d $1/sysroot ]] && return
  local bits=lib64 zig_target name
  case $1 in
    aarch64-*) zig_target=aarch64-linux-musl ;;
    x86_64-*) zig_target=x86_64-linux-musl ;;
    armv7-*) bits=lib zig_target=arm-linux-musleabi ;;
    i686-*) bits=lib zig_target=x86-linux-musl ;;
    *) echo "no target of Android: $1" >&2 && return 1 ;;
  esac
  local new=$1/sysroot.new
  rm -rf "$new" && mkdir -p "$new/objects"
  for name in c m dl log; do
    stub "bionic/$bits/lib$name.so" >"$new/objects/$name.s"
    "$zig" cc -target "$zig_target" -c "$new/objects/$name.s" -o "$new/objects/$name.o"
    "$lld" -flavor gnu -shared -soname "lib$name.so" -o "$new/lib$name.so" "$new/objects/$name.o"
  done
  make_unwinder "$zig_target" "$new"
  rm -r "$new/objects"
  mv "$new" "$1/sysroot"
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

make_unwinder() { # TARGET OF ZIG, FOLDER
  local source="$c_folder/ziglang/lib/libunwind" file # the unwinder of the NDK
  local flags=(-target "$1" -D__ANDROID__ -D__errno_location=__errno -DNDEBUG -fPIC -Oz -fno-sanitize=undefined -funwind-tables
    -fvisibility=hidden -D_LIBUNWIND_IS_NATIVE_ONLY -D_LIBUNWIND_HIDE_SYMBOLS -I"$source/include")
  for file in libunwind.cpp Unwind-EHABI.cpp; do # the latter is empty but for 32-bit ARM
    "$zig" c++ "${flags[@]}" -std=c++17 -nostdinc++ -fno-exceptions -fno-rtti -c "$source/src/$file" \
      -o "$2/objects/unwind-$file.o"
  done
  for file in UnwindLevel1.c UnwindLevel1-gcc-ext.c UnwindRegistersRestore.S UnwindRegistersSave.S; do
    "$zig" cc "${flags[@]}" -c "$source/src/$file" -o "$2/objects/unwind-$file.o"
  done
  "$zig" ar rcs "$2/libunwind.a" "$2"/objects/unwind-*.o
  echo 'INPUT(-lunwind)' >"$2/libgcc.a" # what older standard libraries ask for
}

# rustc calls clang; there is only lld, which knows no -Wl, and none of clang's own options.
make_linker() { # TARGET
  executable "$1/clang" <<EOF
#!/usr/bin/env bash
options=()
for option in "\$@"; do
  case \$option in
    -nodefaultlibs | -nostartfiles | -m* | -fuse-ld=* | --target=* | -B*) ;;
    -Wl,*) IFS=, read -ra inner <<<"\${option#-Wl,}" && options+=("\${inner[@]}") ;;
    *) options+=("\$option") ;;
  esac
done
exec "$lld" -flavor gnu -z defs --eh-frame-hdr -L"$folder/$1/sysroot" "\${options[@]}"
EOF
}

lld=$(find "$(rustc --print sysroot)/lib/rustlib" -name rust-lld -print -quit)
zig=$c_folder/ziglang/zig
export ZIG_GLOBAL_CACHE_DIR=$folder/zig-cache ZIG_LOCAL_CACHE_DIR=$folder/zig-cache
"$scripts/rustc-with-source.sh" "$folder"
"$scripts/c-compiler.sh" "$c_folder" "${targets[@]}"
extract_bionic
for target in "${targets[@]}"; do
  mkdir -p "$target"
  make_sysroot "$target"
  make_linker "$target"
done
