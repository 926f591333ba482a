import Foundation

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// Takes over the requests of a session to pinned hosts, where there is no other way into it: of `expo/fetch`.
///
/// To have it in a session is enough. It streams, follows the session's redirects and can be cancelled; the session's own
/// connections are not used for what it takes.
public final class PinnedURLProtocol: URLProtocol, LoadClient, @unchecked Sendable {
  private var current: PinnedLoad?

  public override class func canInit(with request: URLRequest) -> Bool {
    Origin(request.url).map { Judge.isPinned($0.host) } ?? false
  }

  public override class func canonicalRequest(for request: URLRequest) -> URLRequest { request }

  public override class func requestIsCacheEquivalent(_ a: URLRequest, to b: URLRequest) -> Bool { false }

  public override func startLoading() {
    let load = PinnedLoad(request, stack: "expo-fetch", carriers: PinnedSession.shared, client: self)
    current = load
    DispatchQueue.global().async { load.start() }  // Foundation on Linux waits for itself if a session starts within one
  }

  public override func stopLoading() {
    current?.cancel()
    current = nil
  }

  public func load(didSend bytes: Int64) {}  // a protocol cannot say that

  public func load(wasRedirectedTo request: URLRequest, by response: HTTPURLResponse) -> URLRequest? {
    // expo/fetch marks its requests: with `redirect: 'manual'` the redirect is the answer.
    let follows = URLProtocol.property(forKey: "shouldFollowRedirects", in: self.request) as? Bool ?? true
    guard follows else { return nil }
    client?.urlProtocol(self, wasRedirectedTo: request, redirectResponse: response)
    // The session asks anew, whoever the new request is for. This one is over.
    current?.cancel()
    client?.urlProtocol(self, didFailWithError: CocoaError(.userCancelled))
    return nil
  }

  public func load(didReceive response: URLResponse) {
    // The load's own session has a cache.
    client?.urlProtocol(self, didReceive: response, cacheStoragePolicy: .notAllowed)
  }

  public func load(didReceive data: Data) {
    client?.urlProtocol(self, didLoad: data)
  }

  public func load(didComplete error: (any Error)?) {
    if let error {
      client?.urlProtocol(self, didFailWithError: error)
    } else {
      client?.urlProtocolDidFinishLoading(self)
    }
  }
}
