import Foundation

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// The protocols of other libraries in the sessions of React Native: a network inspector, say. Such a one takes requests out of
/// their session, and connects as it likes; it may pass challenges on, but has none for a connection that is open already.
enum ForeignProtocols {
  private static let seen = Locked<(protocols: [URLProtocol.Type], configuration: URLSessionConfiguration?)>(([], nil))

  /// The configuration of the session in which one of them was seen last.
  static var configuration: URLSessionConfiguration? { seen.with { $0.configuration } }

  /// Whether one of them has taken the request of a task of this session. From now on it is known.
  static func take(_ task: URLSessionTask, of session: URLSession) -> Bool {
    guard let request = task.currentRequest ?? task.originalRequest else { return false }
    let configuration = session.configuration
    let takers = (configuration.protocolClasses ?? [])
      .filter(isForeign)
      .compactMap { $0 as? URLProtocol.Type }
      .filter { $0.canInit(with: request) || $0.canInit(with: task) }
    if takers.isEmpty { return false }
    seen.with { seen in
      seen.protocols += takers.filter { taker in !seen.protocols.contains { $0 == taker } }
      seen.configuration = configuration
    }
    return true
  }

  /// Whether one of those that are known would take this request.
  static func wouldTake(_ request: URLRequest) -> Bool {
    seen.with { $0.protocols }.contains { $0.canInit(with: request) }
  }

  static func isForeign(_ protocolClass: AnyClass) -> Bool {
    if protocolClass == PinnedURLProtocol.self { return false }
    #if canImport(ObjectiveC)
      return Bundle(for: protocolClass).bundleIdentifier?.hasPrefix("com.apple.") != true
    #else
      return !String(reflecting: protocolClass).hasPrefix("FoundationNetworking.")
    #endif
  }

  static func forgetAll() {
    seen.with { $0 = ([], nil) }
  }
}
