import Foundation

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// Takes over the HTTPS requests of a session, where there is no other way into it: of `expo/fetch`.
///
/// To have it in a session is enough. It takes hosts that are not pinned too: they may be pinned while it runs, and what they
/// have shown until then counts. It streams, leaves redirects to the session and can be cancelled; the session's own
/// connections are not used for what it takes.
public final class PinnedURLProtocol: URLProtocol, LoadClient, @unchecked Sendable {
  private let current = Locked<PinnedLoad?>(nil)

  public override class func canInit(with request: URLRequest) -> Bool { Origin(request.url) != nil }

  public override class func canonicalRequest(for request: URLRequest) -> URLRequest { request }

  public override class func requestIsCacheEquivalent(_ a: URLRequest, to b: URLRequest) -> Bool { false }

  public override func startLoading() {
    let load = PinnedLoad(
      request.withBodyInMemory, stack: "expo-fetch", carriers: PinnedSession.shared, client: self)
    current.with { $0 = load }
    DispatchQueue.global().async { load.start() }  // Foundation on Linux waits for itself if a session starts within one
  }

  public override func stopLoading() {
    let load = current.with { current in
      defer { current = nil }
      return current
    }
    load?.cancel()
  }

  public func load(didSend bytes: Int64) {}  // a protocol cannot say that

  public func load(wasRedirectedTo request: URLRequest, by response: HTTPURLResponse) -> URLRequest? {
    // expo/fetch marks its requests. Where it does not follow, it wants to be asked, and then to have the redirect itself.
    let follows = URLProtocol.property(forKey: "shouldFollowRedirects", in: self.request) as? Bool ?? true
    #if canImport(ObjectiveC)  // Foundation on Linux knows no redirects of protocols, and ends the program
      client?.urlProtocol(self, wasRedirectedTo: request, redirectResponse: response)
    #endif
    if follows {
      // The session asks anew, whoever the new request is for. This one is over.
      stopLoading()
      client?.urlProtocol(self, didFailWithError: CocoaError(.userCancelled))
    }
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

extension URLRequest {
  /// A protocol is handed the body as a stream, whatever it was: expo/fetch has it in memory. As such it has a length, and can be
  /// sent again.
  fileprivate var withBodyInMemory: URLRequest {
    guard let stream = httpBodyStream else { return self }
    var body = Data()
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    stream.open()
    defer { stream.close() }
    while case let count = stream.read(&buffer, maxLength: buffer.count), count > 0 { body += buffer[..<count] }
    var request = self
    request.httpBody = body
    return request
  }
}
