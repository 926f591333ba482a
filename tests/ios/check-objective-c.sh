#!/usr/bin/env bash
# Compiles Objective-C++ against React Native's own headers, GNUstep's Foundation and what shims/ declares of Apple's, as far
# as that goes without linking: syntax, types, warnings. Run by in-root.sh.
#   usage: check-objective-c.sh REACT-NATIVE HEADERS FILE…
# HEADERS  a folder with the headers that CocoaPods would lay out, and codegen's
set -euo pipefail

react_native=$1 headers=$2
shift 2
shims=$(dirname "$0")/shims

system=("$shims" "$headers" "$react_native/React/FBReactNativeSpec" /usr/include/x86_64-linux-gnu/GNUstep)
for folder in . jsi callinvoker react/bridging react/nativemodule/core react/nativemodule/core/platform/ios; do
  system+=("$react_native/ReactCommon/$folder")
done

failed=0
for file; do
  clang -fsyntax-only -x objective-c++ -std=c++20 -fobjc-arc -fblocks -fobjc-runtime=ios-15.1 \
    -Wall -Wextra -Wno-unused-parameter -Werror -ferror-limit=0 \
    -include "$shims/prefix.h" -iquote "$shims" "${system[@]/#/-isystem}" "$file" || failed=1
done
exit $failed
