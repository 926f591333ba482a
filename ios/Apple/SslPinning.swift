#if canImport(ObjectiveC)
  import Foundation

  /// Pinning for sessions that an app makes by itself. Those of React Native and Expo are pinned without a call.
  @objc(SPKSslPinning)
  public final class SslPinning: NSObject {
    /// Makes a session whose connections are judged by the pins in force, now and after each change of them.
    ///
    /// What `delegate` says about challenges, redirects and answers counts as before, for servers that are allowed. A task
    /// that is not fails with an ``SslPinningError``.
    ///
    /// Tasks with a completion handler, and `data(for:)`, do not show their answer to a delegate. A new connection is judged
    /// for them too, and if it is refused their error is `URLError.cancelled`; call ``verify(_:)`` before you use what they
    /// bring, because a resumed TLS session has no challenge.
    ///
    /// A delegate of a task's own (`task.delegate`, `data(for:delegate:)`) that takes challenges takes them away: the answer of a
    /// pinned host is refused then, or, with a completion handler, not judged. Stream tasks are judged by their challenge only.
    ///
    /// The session has no `urlCache`: what that holds, redirects included, comes over no connection that could be judged, and
    /// may be from before the pins.
    ///
    /// ```swift
    /// let session = SslPinning.session(configuration: .default, delegate: self)
    /// ```
    @objc(sessionWithConfiguration:delegate:delegateQueue:)
    public static func session(
      configuration: URLSessionConfiguration, delegate: (any URLSessionDelegate)? = nil,
      delegateQueue: OperationQueue? = nil
    ) -> URLSession {
      let pinning = PinningDelegate(before: delegate)
      let own = configuration.copy() as! URLSessionConfiguration
      own.urlCache = nil
      return URLSession(configuration: own, delegate: pinning, delegateQueue: delegateQueue)
    }

    /// Fails unless who has sent this may be trusted: not pinned, or with a pinned key in its last handshake.
    @objc(verifyResponse:error:)
    public static func verify(_ response: URLResponse) throws {
      switch TaskJudge(stack: "urlsession").answered(by: response.url, isTaken: false) {
      case .trusted: return
      case .refused(let refusal): throw refusal
      case .unverified(let host): throw Judge.unverified(host, stack: "urlsession")
      }
    }
  }

  /// Judges the tasks of a session, and passes everything on to the app's own delegate.
  private final class PinningDelegate: NSObject, URLSessionDataDelegate, URLSessionDownloadDelegate,
    URLSessionWebSocketDelegate, @unchecked Sendable
  {
    private let delegate: (any URLSessionDelegate)?
    private let judge = SessionJudge(stack: "urlsession")

    init(before delegate: (any URLSessionDelegate)?) {
      self.delegate = delegate
    }

    // The app's delegate has the methods that are not here.

    override func responds(to selector: Selector!) -> Bool {
      // A session asks this one before the one of the task, which is the one that is judged by.
      if selector == #selector(URLSessionDelegate.urlSession(_:didReceive:completionHandler:)) { return false }
      return super.responds(to: selector) || delegate?.responds(to: selector) == true
    }

    override func forwardingTarget(for selector: Selector!) -> Any? {
      delegate
    }

    /// Whether the connection of a task may be one that this has not been asked about: of another library, or by the word of a
    /// delegate of the task's own, which takes challenges away. The chains of other connections say nothing about such a one.
    private func isTaken(_ task: URLSessionTask, _ session: URLSession) -> Bool {
      let taker = task.delegate?.urlSession(_:task:didReceive:completionHandler:)
      return ForeignProtocols.take(task, of: session) || taker != nil
    }

    func urlSession(
      _ session: URLSession, task: URLSessionTask, didReceive challenge: URLAuthenticationChallenge,
      completionHandler: @escaping @Sendable (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
    ) {
      let ofApp = { @Sendable [delegate] (completionHandler: @escaping ChallengeCompletion) in
        // In the order in which a session asks.
        let ofSession = delegate?.urlSession(_:didReceive:completionHandler:)
        if let ofSession, challenge.isForSession { return ofSession(session, challenge, completionHandler) }
        let ofTask = (delegate as? any URLSessionTaskDelegate)?
          .urlSession(_:task:didReceive:completionHandler:)
        if let ofTask { return ofTask(session, task, challenge, completionHandler) }
        byDefault(completionHandler)
      }
      judge.challenged(challenge, of: task, orAs: ofApp, completionHandler: completionHandler)
    }

    func urlSession(
      _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
      newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
      guard judge.redirected(by: response, to: task, isTaken: isTaken(task, session)) else {
        completionHandler(nil)
        return task.cancel()
      }
      let own = (delegate as? any URLSessionTaskDelegate)?
        .urlSession(_:task:willPerformHTTPRedirection:newRequest:completionHandler:)
      if let own { own(session, task, response, request, completionHandler) } else { completionHandler(request) }
    }

    func urlSession(
      _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
      completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
      guard judge.answered(by: response, to: dataTask, isTaken: isTaken(dataTask, session)) else {
        return completionHandler(.cancel)
      }
      let own = (delegate as? any URLSessionDataDelegate)?
        .urlSession(_:dataTask:didReceive:completionHandler:)
      if let own { own(session, dataTask, response, completionHandler) } else { completionHandler(.allow) }
    }

    func urlSession(
      _ session: URLSession, downloadTask: URLSessionDownloadTask, didFinishDownloadingTo location: URL
    ) {
      if let response = downloadTask.response,
        !judge.answered(by: response, to: downloadTask, isTaken: isTaken(downloadTask, session))
      {
        try? FileManager.default.removeItem(at: location)
        return
      }
      (delegate as? any URLSessionDownloadDelegate)?
        .urlSession(session, downloadTask: downloadTask, didFinishDownloadingTo: location)
    }

    func urlSession(
      _ session: URLSession, webSocketTask: URLSessionWebSocketTask, didOpenWithProtocol name: String?
    ) {
      if let response = webSocketTask.response,
        !judge.answered(by: response, to: webSocketTask, isTaken: isTaken(webSocketTask, session))
      {
        return webSocketTask.cancel()
      }
      (delegate as? any URLSessionWebSocketDelegate)?
        .urlSession?(session, webSocketTask: webSocketTask, didOpenWithProtocol: name)
    }

    func urlSession(
      _ session: URLSession, task: URLSessionTask, didFinishCollecting metrics: URLSessionTaskMetrics
    ) {
      judge.isDone(task)
      (delegate as? any URLSessionTaskDelegate)?.urlSession?(session, task: task, didFinishCollecting: metrics)
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
      let error = judge.ended(task, error: error)
      (delegate as? any URLSessionTaskDelegate)?.urlSession?(session, task: task, didCompleteWithError: error)
    }
  }

  extension URLAuthenticationChallenge {
    /// Whether it is about the connection, which a session asks its own delegate first about, and not the task's.
    fileprivate var isForSession: Bool {
      let methods = [
        NSURLAuthenticationMethodServerTrust, NSURLAuthenticationMethodClientCertificate,
        NSURLAuthenticationMethodNTLM, NSURLAuthenticationMethodNegotiate,
      ]
      return methods.contains(protectionSpace.authenticationMethod)
    }
  }
#endif
