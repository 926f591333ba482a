import Foundation
import spki_pinningFFI

/// Puts connections before the engine. Nothing is decided here.
enum Judge {
  private static let engine = PinningEngine.shared()

  /// Judges a connection, with event and count: what to end it with, or nil.
  ///
  /// `chain`: the path that was validated, leaf first; nil if there is none to speak of, or nobody knows it.
  static func check(_ host: String, chain: [Data]?, stack: String) -> SslPinningError? {
    if let refusal = EmbeddedConfiguration.refusal(of: host) {
      engine.report(notice: .configurationNotInForce, host: host, message: refusal.message, stack: stack)
      return refusal
    }
    var refusal: UnsafeMutablePointer<CChar>?
    withBytes(of: [Data(host.utf8), Data(stack.utf8)] + (chain ?? [])) { bytes in
      refusal = bytes[2...].withUnsafeBufferPointer { certificates in
        spki_pinning_check(bytes[0], certificates.baseAddress, certificates.count, chain != nil, bytes[1])
      }
    }
    guard let refusal else { return nil }
    defer { spki_pinning_free(refusal) }
    return SslPinningError(refusal: String(cString: refusal))
  }

  /// Whether a connection with this chain goes ahead, without event and count.
  static func allows(_ host: String, chain: [Data]) -> Bool {
    EmbeddedConfiguration.refusal(of: host) == nil
      && engine.evaluate(host: host, chain: chain, validated: true) == nil
  }

  /// Whether a connection to this host needs a chain, so that there is something to check.
  static func isPinned(_ host: String) -> Bool {
    EmbeddedConfiguration.refusal(of: host) != nil || engine.isPinned(host: host)
  }

  /// Whether a connection to this host whose keys nobody knows is to be stopped: not if its pins only report.
  static func enforces(_ host: String) -> Bool { !allows(host, chain: []) }

  /// The one form of all spellings of a host.
  static func folded(_ host: String) -> String { engine.foldedHost(host: host) ?? "" }

  /// Counts the configurations. Nil: what was judged before does not count.
  static var generation: UInt64? { engine.generation() }

  /// Has it known that a pinned host has answered over a connection that nobody could judge: what to end it with.
  static func unverified(_ host: String, stack: String) -> SslPinningError {
    let error = SslPinningError.of(
      host, reason: "unverified-response",
      why: "it answered without a TLS handshake that this app could see, so its keys are not known. A library that takes "
        + "requests over (a network inspector) does that")
    engine.report(notice: .unverifiedResponse, host: host, message: error.message, stack: stack)
    return error
  }

  static func initialize(_ document: String) -> String { engine.initialize(document: document) }

  /// As ``initialize(_:)``, of the configuration of the app's build.
  static func initializeEmbedded(_ document: String) -> String { engine.initializeEmbedded(document: document) }

  /// Begins what the engine does beside checks.
  static func start(_ surroundings: Surroundings, platform: any Platform) -> Bool {
    engine.start(surroundings: surroundings.json, platform: platform)
  }

  /// Looks for newer signed pins, and waits for what comes of it.
  static func update() -> String { engine.update() }

  static func cameToForeground() { engine.cameToForeground() }

  /// Makes a handshake of the engine's own with a server, judges it, and waits for that.
  static func verify(_ host: String, port: UInt16) -> String { engine.verify(host: host, port: port) }

  /// From now on, which network stacks bring connections to a host is noted.
  static func watch(_ host: String) { engine.watch(host: host) }

  static var watched: String { engine.watched() }

  /// Whether the connections of a network stack are judged.
  static func tell(stack: String, hooked: Bool) { engine.tellStack(stack: stack, hooked: hooked) }

  static func disable() { engine.disable() }

  static var status: String { engine.status() }

  static func listen(_ listener: (any EventListener)?) { engine.setEventListener(listener: listener) }

  /// The bytes of all, where they are: without a copy.
  private static func withBytes(
    of all: [Data], found: [SpkiBytes] = [], _ body: ([SpkiBytes]) -> Void
  ) {
    guard found.count < all.count else { return body(found) }
    all[found.count].withUnsafeBytes { buffer in
      let bytes = SpkiBytes(
        data: buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), length: buffer.count)
      withBytes(of: all, found: found + [bytes], body)
    }
  }
}
