// swift-tools-version: 6.0
// The Swift of the library for its tests, on Linux and on a Mac. Apps get it by the podspec.
// `npm run test:ios` builds the Rust library and makes its bindings, in Generated/testing, then runs these tests.
import PackageDescription

/// Where the Rust library of this machine is, with the features for tests.
let libraries = Context.packageDirectory + "/../build/host/static"

let package = Package(
  name: "SpkiPinning",
  platforms: [.iOS("15.1"), .macOS(.v12)],
  products: [.library(name: "SpkiPinning", targets: ["SpkiPinning"])],
  targets: [
    .systemLibrary(name: "spki_pinningFFI", path: "Tests/FFI"),
    .target(
      name: "SpkiPinning",
      dependencies: ["spki_pinningFFI"],
      path: ".",
      // The Swift of Apple by its names: SwiftPM has no target with Objective-C++ beside it.
      sources: [
        "Core", "Generated/testing/spki_pinning.swift", "Apple/ObjectiveC.swift", "Apple/SecServerTrust.swift",
        "Apple/SslPinning.swift",
      ],
      linkerSettings: [.unsafeFlags(["-L", libraries, "-lspki_pinning"])]
    ),
    .executableTarget(name: "SpkiPinningBenchmarks", dependencies: ["SpkiPinning"], path: "Benchmarks"),
    .testTarget(name: "SpkiPinningTests", dependencies: ["SpkiPinning"], path: "Tests", exclude: ["FFI"]),
  ],
  swiftLanguageModes: [.v6]
)
