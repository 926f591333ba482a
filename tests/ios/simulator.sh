#!/usr/bin/env bash
# On a Mac: runs all Swift tests in an iOS simulator, among them those of Apple's own TLS against the testbed
# (ios/Tests/AppleTests.swift). Asks for the password once, to put the testbed's names into /etc/hosts.
#   usage: simulator.sh ["iPhone 17"]       after: npm run test:ios
set -euo pipefail
cd "$(dirname "$0")/../.."

device=${1:-iPhone 17}
testbed=build/testbed/spki-pinning-testbed
[[ -x $testbed ]] || {
  echo 'There is no testbed yet: npm run test:ios' >&2
  exit 1
}

# The library of the simulator takes the place of the Mac's, which the next npm run test:ios puts back.
rustup target add aarch64-apple-ios-sim
cargo rustc -p spki-pinning-ffi --lib --crate-type staticlib --release --locked --features testing-trust \
  --target aarch64-apple-ios-sim
cp target/aarch64-apple-ios-sim/release/libspki_pinning.a build/host/static/

# The testbed ends when its standard input does.
printed=$(mktemp)
"$testbed" < <(sleep 3600) >"$printed" &
trap 'kill %1' EXIT
until [[ -s $printed ]]; do sleep 0.1; done

names=$(plutil -extract hosts json -o - "$printed" | grep -o '"host":"[^"]*"' | cut -d '"' -f 4 | sort -u)
for name in $names; do
  grep -q " $name$" /etc/hosts || echo "127.0.0.1 $name"
done | sudo tee -a /etc/hosts >/dev/null

xcrun simctl boot "$device" 2>/dev/null || true # it may run already
xcrun simctl keychain "$device" add-root-cert "$(plutil -extract caFile raw -o - "$printed")"
cd ios
TEST_RUNNER_SPKI_TESTBED_DOCUMENT=$(<"$printed") TEST_RUNNER_SPKI_TESTBED_REACHABLE=1 \
  xcodebuild test -scheme SpkiPinning -destination "platform=iOS Simulator,name=$device"
