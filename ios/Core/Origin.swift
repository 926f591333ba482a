import Foundation

/// The server behind a TLS connection, as a URL or a challenge names it. Another port is another server.
///
/// Two spellings of one host that are not folded here are two origins: then a connection counts as one that nobody has seen,
/// which is the safe side. The engine folds them all before it looks for pins.
struct Origin: Hashable, Sendable {
  let host: String
  let port: Int

  init(host: String, port: Int) {
    var host = Substring(host.lowercased())
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    if host.hasSuffix(".") { host = host.dropLast() }
    self.host = String(host)
    self.port = port
  }

  /// None: a URL whose connection has no TLS.
  init?(_ url: URL?) {
    guard let url, let scheme = url.scheme?.lowercased(), scheme == "https" || scheme == "wss" else { return nil }
    self.init(host: url.host ?? "", port: url.port ?? 443)
  }
}
