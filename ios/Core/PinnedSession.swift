import Foundation

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// A session of our own: no protocol of another library is in it.
final class PinnedSession: NSObject, Carrier, URLSessionDataDelegate, @unchecked Sendable {
  /// For the requests of expo/fetch.
  static let shared = Generations { PinnedSession() }

  /// For those that another library would take away from the session that they were meant for.
  static let aroundForeignProtocols = Generations { PinnedSession(like: ForeignProtocols.configuration) }

  private let loads = Locked<[Int: PinnedLoad]>([:])
  private var session: URLSession!  // set once, before anybody can see this

  /// `like`: the configuration of the session whose place this one takes. Nil: as React Native and Expo have it by default.
  init(like other: URLSessionConfiguration? = nil) {
    super.init()
    let configuration: URLSessionConfiguration
    if let other, other.identifier == nil {  // a background session can be there only once
      configuration = other.copy() as! URLSessionConfiguration
    } else {
      configuration = .default
      configuration.httpShouldSetCookies = true
      configuration.httpCookieAcceptPolicy = .always
      configuration.httpCookieStorage = HTTPCookieStorage.shared
      if Bundle.main.object(forInfoDictionaryKey: "ReactNetworkForceWifiOnly") as? Bool == true {
        configuration.allowsCellularAccess = false
      }
    }
    configuration.protocolClasses = configuration.protocolClasses?.filter {
      !ForeignProtocols.isForeign($0) && $0 != PinnedURLProtocol.self
    }
    let queue = OperationQueue()
    queue.maxConcurrentOperationCount = 1
    session = URLSession(configuration: configuration, delegate: self, delegateQueue: queue)
  }

  func start(_ request: URLRequest, for load: PinnedLoad) -> URLSessionTask? {
    let task = session.dataTask(with: request)
    loads.with { $0[task.taskIdentifier] = load }
    task.resume()
    return task
  }

  func retire() {
    // Foundation on Linux, where only tests run, crashes now and then when a session goes: there they stay.
    #if canImport(ObjectiveC)
      session.finishTasksAndInvalidate()
    #endif
  }

  private func load(of task: URLSessionTask) -> PinnedLoad? {
    loads.with { $0[task.taskIdentifier] }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, didReceive challenge: URLAuthenticationChallenge,
    completionHandler: @escaping @Sendable (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
  ) {
    guard let load = load(of: task) else { return completionHandler(.cancelAuthenticationChallenge, nil) }
    load.challenged(challenge, completionHandler: completionHandler)
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, didSendBodyData bytesSent: Int64, totalBytesSent: Int64,
    totalBytesExpectedToSend: Int64
  ) {
    load(of: task)?.sent(totalBytesSent)
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    let isTaken = ForeignProtocols.take(task, of: session)
    let load = load(of: task)
    let goesOn = load?.goesOn(after: response, isTaken: isTaken, asking: Asking(task, of: session)) {
      session.cachedRedirect(response, of: task)
    }
    guard let load, goesOn == true else {
      completionHandler(nil)
      return task.cancel()
    }
    completionHandler(load.redirected(to: request, by: response))
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
  ) {
    let isTaken = ForeignProtocols.take(dataTask, of: session)
    let isWanted = load(of: dataTask)?.received(response, isTaken: isTaken, asking: Asking(dataTask, of: session)) {
      session.cachedResponse(of: dataTask)
    }
    completionHandler(isWanted == true ? .allow : .cancel)
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, willCacheResponse proposed: CachedURLResponse,
    completionHandler: @escaping @Sendable (CachedURLResponse?) -> Void
  ) {
    let isTaken = ForeignProtocols.take(dataTask, of: session)
    completionHandler(load(of: dataTask)?.marked(proposed, isTaken: isTaken))
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    load(of: dataTask)?.received(data)
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    loads.with { $0.removeValue(forKey: task.taskIdentifier) }?.completed(error)
  }
}

extension URLSession {
  /// What the cache of this session holds for the request of a task.
  func cachedResponse(of task: URLSessionTask) -> CachedURLResponse? {
    task.currentRequest.flatMap { configuration.urlCache?.cachedResponse(for: $0) }
  }

  /// What the cache of this session holds for the request that was redirected. The task may be at the next one already.
  func cachedRedirect(_ redirect: HTTPURLResponse, of task: URLSessionTask) -> CachedURLResponse? {
    guard let cache = configuration.urlCache, let url = redirect.url else { return nil }
    let own = [task.currentRequest, task.originalRequest].compactMap { $0 }.filter { $0.url == url }
    return (own + [URLRequest(url: url)]).lazy.compactMap { cache.cachedResponse(for: $0) }.first
  }
}
