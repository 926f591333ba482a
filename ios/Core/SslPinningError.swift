import Foundation

/// A connection does not hold the keys that are pinned for its host. Its answer did not reach the app.
///
/// As an `NSError` it is `NSURLErrorServerCertificateUntrusted`, so that what an app does about bad certificates is done
/// about wrong keys too.
public struct SslPinningError: LocalizedError, CustomNSError, Sendable {
  /// Names the host, the pins that were served and those that were expected.
  public let message: String
  /// As the connection named it; nil if nobody knows.
  public let serverHostname: String?
  /// Stable, kebab-case: `no-pin-matched`, `chain-not-validated`, …
  public let reason: String
  /// Base64, leaf first.
  public let servedPins: [String]

  public static let errorDomain = NSURLErrorDomain

  public var errorCode: Int { NSURLErrorServerCertificateUntrusted }

  public var errorUserInfo: [String: Any] {
    [NSLocalizedDescriptionKey: message, "reason": reason, "servedPins": servedPins]
  }

  public var errorDescription: String? { message }
}

extension SslPinningError {
  /// Of what the engine answers.
  init(refusal: String) {
    struct Refusal: Decodable {
      let serverHostname: String?
      let reason: String
      let servedPins: [String]
      let message: String
    }
    guard let refusal = try? JSONDecoder().decode(Refusal.self, from: Data(refusal.utf8)) else {
      self = .of(nil, reason: "internal-error", why: "the engine's answer cannot be read")
      return
    }
    self.init(
      message: refusal.message, serverHostname: refusal.serverHostname, reason: refusal.reason,
      servedPins: refusal.servedPins)
  }

  /// For when the configuration that ought to be in force is not.
  static func notInForce(host: String, why: String) -> Self {
    of(host, reason: "configuration-not-in-force", why: why)
  }

  /// For a connection that could not be judged, and therefore does not go ahead.
  static func of(_ host: String?, reason: String, why: String) -> Self {
    let subject = host ?? "a connection without a host name"
    return Self(
      message: "SSL pinning refused \(subject) (\(reason)): \(why)", serverHostname: host, reason: reason, servedPins: [])
  }
}
