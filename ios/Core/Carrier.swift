import Foundation

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// Sends requests: a URLSession, or what has one.
#if canImport(ObjectiveC)
  @objc(SPKCarrier)
#endif
public protocol Carrier: AnyObject, Sendable {
  /// Starts a request, and tells `load` all that comes of it, one call after the other. Nil: it cannot be started.
  #if canImport(ObjectiveC)
    @objc(startRequest:forLoad:)
  #endif
  func start(_ request: URLRequest, for load: PinnedLoad) -> URLSessionTask?

  /// It takes no more requests, and is given up after its last one.
  func retire()
}

/// Gets what a load brings, one call after the other.
#if canImport(ObjectiveC)
  @objc(SPKLoadClient)
#endif
public protocol LoadClient: AnyObject, Sendable {
  #if canImport(ObjectiveC)
    @objc(loadDidSendBytes:)
  #endif
  func load(didSend bytes: Int64)
  /// Only of loads by a session of our own. Returns what to ask instead; nil: the redirect itself is the answer.
  #if canImport(ObjectiveC)
    @objc(loadWasRedirectedTo:by:)
  #endif
  func load(wasRedirectedTo request: URLRequest, by response: HTTPURLResponse) -> URLRequest?
  #if canImport(ObjectiveC)
    @objc(loadDidReceiveResponse:)
  #endif
  func load(didReceive response: URLResponse)
  #if canImport(ObjectiveC)
    @objc(loadDidReceiveData:)
  #endif
  func load(didReceive data: Data)
  /// The last call.
  #if canImport(ObjectiveC)
    @objc(loadDidCompleteWithError:)
  #endif
  func load(didComplete error: (any Error)?)
}
