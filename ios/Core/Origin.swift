import Foundation

/// The server behind a TLS connection, as a URL or a challenge names it. Another port is another server; another spelling of
/// the host is not.
struct Origin: Hashable, Sendable {
  let host: String
  let port: Int

  init(host: String, port: Int) {
    var host = Substring(host)
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    self.host = Judge.folded(String(host))
    self.port = port
  }

  /// None: a URL whose connection has no TLS.
  init?(_ url: URL?) {
    guard let url, let scheme = url.scheme?.lowercased(), scheme == "https" || scheme == "wss" else { return nil }
    self.init(host: url.host ?? "", port: url.port ?? 443)
  }
}
