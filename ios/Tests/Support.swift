import Foundation
import Testing

@testable import SpkiPinning

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// All suites are in this one: there is one engine for the process, so that one test runs at a time.
@Suite(.serialized) enum AllTests {}

/// A pin that nobody has.
let wrongPin = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="

/// As in a new process, for each test.
func startAnew() {
  PinningEngine.shared().testingSetNow(nowMs: nil)
  Configuration.disable()
  ValidatedChains.shared.forgetAll()
  ForeignProtocols.forgetAll()
  _ = Events()  // takes what has waited
  Judge.listen(nil)
}

/// Pins hosts, and nothing else.
func pin(_ pins: [String: String]) {
  let domains = pins.mapValues { ["publicKeyHashes": [$0, wrongPin]] }
  let answer = Configuration.initialize(json(domains))
  #expect(Answer(answer)?.ok == true, "\(answer)")
}

func json(_ value: Any) -> String {
  String(decoding: try! JSONSerialization.data(withJSONObject: value), as: UTF8.self)
}

func object(_ json: String) -> [String: Any] {
  try! JSONSerialization.jsonObject(with: Data(json.utf8)) as! [String: Any]
}

/// Keeps the events that happen.
final class Events: EventListener, Sendable {
  private let all = Locked<[String]>([])

  init() {
    Judge.listen(self)
  }

  func onEvent(event: String) {
    all.with { $0.append(event) }
  }

  var reasons: [String] { all.with { $0 }.map { object($0)["reason"] as! String } }

  var hosts: [String] { all.with { $0 }.map { object($0)["serverHostname"] as! String } }
}

/// What a handshake shows, for a platform that has none: a script says what it finds.
struct Shown: ServerTrust {
  var first: Data?
  var chain: [Data]
  var valid = true

  init(_ chain: [Data], valid: Bool = true) {
    self.first = chain.first
    self.chain = chain
    self.valid = valid
  }

  func leaf() async -> Data? { first }

  func isValid() async -> Bool { valid }

  func validatedChain() -> [Data] { chain }
}

/// The certificates of a server of the testbed, validated as a platform would do it, by the Rust code.
struct Validated: ServerTrust {
  let host: String
  let sent: [Data]
  let roots: Data
  private let path = Locked<[Data]?>(nil)

  func leaf() async -> Data? { sent.first }

  init(host: String, sent: [Data], roots: Data) {
    self.host = host
    self.sent = sent
    self.roots = roots
  }

  func isValid() async -> Bool {
    let found = PinningEngine.shared().testingValidate(host: host, sent: sent, roots: roots)
    path.with { $0 = found }
    return found != nil
  }

  func validatedChain() -> [Data] { path.with { $0 } ?? [] }
}

/// The certificates of a PEM file.
func certificates(inPem file: String) -> [Data] {
  let text = try! String(contentsOfFile: file, encoding: .utf8)
  return text.components(separatedBy: "-----BEGIN CERTIFICATE-----").dropFirst().map { part in
    let body = part.components(separatedBy: "-----END").first!
    return Data(base64Encoded: body, options: .ignoreUnknownCharacters)!
  }
}

/// The shared vectors.
enum Vectors {
  static let directory = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("tests/vectors")

  static func text(_ file: String) -> String {
    try! String(contentsOf: directory.appendingPathComponent("\(file).json"), encoding: .utf8)
  }

  static let certificates = object(text("certificates"))["certificates"] as! [String: [String: String]]
  static let broken = object(text("certificates"))["broken"] as! [String: [String: String]]

  static func der(_ id: String) -> Data {
    Data(base64Encoded: (certificates[id] ?? broken[id])!["der"]!)!
  }
}
