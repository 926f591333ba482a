#!/usr/bin/env bash
# Type-checks the Swift that only Apple's platforms compile, in the root directory of in-root.sh: what is for Objective-C is
# cut out of a copy, and Security.framework is stubs/Security.swift. What Foundation has on Linux is not quite what it has
# on a Mac; a mistake that is found here is one all the same.
#   usage: in-root.sh bash tests/ios/check-apple-swift.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

for file in ios/Core/*.swift; do
  sed -E 's/!canImport\(Security\)/false/' "$file" >"$copy/$(basename "$file")"
done
for file in ios/Apple/*.swift; do
  # @objc, methods that Foundation has no answer to without Objective-C, and delegates whose methods are optional.
  sed -E -e 's/@objc(\([^)]*\))?//' \
    -e 's/^  import Foundation$/&; @preconcurrency import FoundationNetworking; import Security/' \
    -e 's/canImport\((ObjectiveC|Security)\)/true/' \
    -e '/override func (responds|forwardingTarget)/,/^    \}$/d' \
    -e 's/\.urlSession\?\(/.urlSession(/' \
    "$file" >"$copy/$(basename "$file")"
done
# The one method of a delegate that is not optional on Linux, and that this one leaves to the app's.
cat >>"$copy/SslPinning.swift" <<'END'
extension PinningDelegate {
  func urlSession(_: URLSession, webSocketTask _: URLSessionWebSocketTask, didCloseWith _: URLSessionWebSocketTask.CloseCode, reason _: Data?) {}
}
END
swiftc -emit-module -parse-as-library -module-name Security -o "$copy/Security.swiftmodule" tests/ios/stubs/Security.swift
swiftc -typecheck -warnings-as-errors -swift-version 6 -module-name SpkiPinning -I "$copy" -I ios/FFI \
  "$copy"/*.swift ios/Generated/spki_pinning.swift
