import Foundation

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// The testbed: real TLS servers on loopback, with certificates of their own (`rust/testbed`).
final class Testbed: @unchecked Sendable {
  struct Host: Decodable, Sendable, CustomStringConvertible {
    struct Pins: Decodable, Sendable {
      let leaf: String?
      let intermediate: String?
      let root: String?

      var all: [String] { [leaf, intermediate, root].compactMap { $0 } }
    }

    let host: String
    let port: Int
    let valid: Bool
    let pins: Pins
    let servedPins: [String]
    let chainFile: String?
    let describes: String

    var description: String { describes }

    func url(_ path: String = "/") -> URL { URL(string: "https://\(host):\(port)\(path)")! }
  }

  private struct Document: Decodable {
    let manifestKey: [String: String]
    let caFile: String
    let rogueCaFile: String
    let controlUrl: String
    let hosts: [String: Host]
  }

  /// One for all tests.
  static let shared = try! Testbed()

  let hosts: [String: Host]
  let caFile: String
  let rogueCaFile: String
  let controlUrl: URL
  /// What `publish?sign=true` signs with: the public half, as a JWK.
  let manifestKey: [String: String]
  private init() throws {
    let environment = ProcessInfo.processInfo.environment
    let document: Document
    if let started = environment["SPKI_TESTBED_DOCUMENT"] {  // in a simulator, which cannot start programs
      document = try JSONDecoder().decode(Document.self, from: Data(started.utf8))
    } else if let program = environment["SPKI_TESTBED"] {
      document = try Self.start(program)
    } else {
      fatalError("SPKI_TESTBED is not set: npm run test:ios does that")
    }
    hosts = document.hosts
    caFile = document.caFile
    rogueCaFile = document.rogueCaFile
    controlUrl = URL(string: document.controlUrl)!
    manifestKey = document.manifestKey
    #if os(Linux)
      // What in-root.sh has the TLS of Foundation trust.
      let roots = URL(fileURLWithPath: "/tmp/spki-testbed-roots.pem")
      try Data(contentsOf: URL(fileURLWithPath: caFile)).write(to: roots)
    #endif
  }

  /// The program ends when its standard input does, that is with this process.
  private static func start(_ program: String) throws -> Document {
    #if os(iOS)
      fatalError("SPKI_TESTBED_DOCUMENT is not set: tests/ios/simulator.sh does that")
    #else
      let process = Process()
      let output = Pipe()
      process.executableURL = URL(fileURLWithPath: program)
      process.standardInput = input
      process.standardOutput = output
      try process.run()
      var line = Data()
      while let byte = try output.fileHandleForReading.read(upToCount: 1), byte != Data("\n".utf8) { line += byte }
      return try JSONDecoder().decode(Document.self, from: line)
    #endif
  }

  private static let input = Pipe()

  /// Whether this process's own TLS finds and trusts the servers: in the root directory of in-root.sh, in the
  /// simulator of simulator.sh.
  static let isReachable = ProcessInfo.processInfo.environment["SPKI_TESTBED_REACHABLE"] != nil

  /// Asks the control port.
  func control(_ path: String, _ body: String) async throws {
    var request = URLRequest(url: URL(string: path, relativeTo: controlUrl)!)
    request.httpMethod = "POST"
    request.httpBody = Data(body.utf8)
    _ = try await URLSession.shared.data(for: request)
  }

  subscript(name: String) -> Host { hosts[name]! }

  var roots: Data { try! Data(contentsOf: URL(fileURLWithPath: caFile)) }

  var rogueRoots: Data { try! Data(contentsOf: URL(fileURLWithPath: rogueCaFile)) }

  /// A handshake with a host, as a platform would take it that trusts the testbed's root.
  func trust(_ name: String, roots: Data? = nil) -> Validated {
    let host = self[name]
    return Validated(
      host: host.host, sent: host.chainFile.map(certificates(inPem:)) ?? [], roots: roots ?? self.roots)
  }
}
