import Foundation

/// What the platform knows of the certificates in one TLS handshake.
protocol ServerTrust: Sendable {
  /// The server's own certificate as the handshake showed it, DER; nil if it showed none. Asked before ``isValid()``.
  func leaf() async -> Data?

  /// Whether the platform finds the certificates valid for the host.
  func isValid() async -> Bool

  /// The path that the platform has validated, DER, leaf first. Asked after ``isValid()``.
  func validatedChain() -> [Data]
}
