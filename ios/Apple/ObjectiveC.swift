#if canImport(ObjectiveC)
  import Foundation
  import Security

  // What the Objective-C++ of this package calls. Nothing of it is API.

  /// The requests of one owner, a module of React Native say.
  @objc(SPKRequests)
  public final class Requests: NSObject {
    private let stack: String
    private let carriers: Generations

    /// `makeCarrier` is called for each configuration under which something is asked.
    @objc(initWithStack:makeCarrier:)
    public init(stack: String, makeCarrier: @escaping @Sendable () -> any Carrier) {
      self.stack = stack
      self.carriers = Generations(make: makeCarrier)
    }

    /// Starts a request. The client hears nothing before this returns.
    @objc(loadRequest:client:)
    public func load(_ request: URLRequest, client: any LoadClient) -> PinnedLoad {
      let load = PinnedLoad(request, stack: stack, carriers: carriers, client: client)
      load.start()
      return load
    }

    @objc public func invalidate() {
      carriers.invalidate()
    }
  }

  /// For carriers, about one task; each says what it is told by its session.
  extension PinnedLoad {
    @objc(cancel)
    public func cancelLoad() {
      cancel()
    }

    /// `others`: who would be asked if there were no pins.
    @objc(didReceiveChallenge:others:completionHandler:)
    public func didReceive(
      _ challenge: URLAuthenticationChallenge,
      others: @escaping @Sendable (@escaping ChallengeCompletion) -> Void,
      completionHandler: @escaping ChallengeCompletion
    ) {
      challenged(challenge, orAs: others, completionHandler: completionHandler)
    }

    @objc(didSendBytes:)
    public func didSend(_ bytes: Int64) {
      sent(bytes)
    }

    /// NO: stop the task.
    @objc(goesOnAfterRedirect:session:task:)
    public func goesOn(after redirect: HTTPURLResponse, session: URLSession, task: URLSessionTask) -> Bool {
      let isTaken = ForeignProtocols.take(task, of: session)
      return goesOn(after: redirect, isTaken: isTaken, asking: Asking(task, of: session)) {
        session.cachedRedirect(redirect, of: task)
      }
    }

    /// NO: stop the task.
    @objc(wantsResponse:session:task:)
    public func wants(_ response: URLResponse, session: URLSession, task: URLSessionTask) -> Bool {
      let isTaken = ForeignProtocols.take(task, of: session)
      return received(response, isTaken: isTaken, asking: Asking(task, of: session)) {
        session.cachedResponse(of: task)
      }
    }

    /// What the session is about to put into its cache, as it shall do that.
    @objc(markedResponse:session:task:)
    public func marked(_ answer: CachedURLResponse, session: URLSession, task: URLSessionTask) -> CachedURLResponse {
      marked(answer, isTaken: ForeignProtocols.take(task, of: session))
    }

    @objc(didReceiveData:)
    public func didReceive(_ data: Data) {
      received(data)
    }

    @objc(didCompleteWithError:)
    public func didComplete(_ error: (any Error)?) {
      completed(error)
    }
  }

  /// Judges one WebSocket.
  @objc(SPKSocketJudge)
  public final class SocketJudge: NSObject {
    private let judge = TaskJudge(stack: "websocket")

    /// Whether the socket may be used. Asked on the thread of its stream, which may have to wait.
    @objc(acceptsTrust:ofURL:)
    public func accepts(_ trust: SecTrust, of url: URL) -> Bool {
      guard let origin = Origin(url) else { return true }
      let trust = SecServerTrust(trust)
      let leaf = trust.path.first
      let chain = trust.isValidNow(for: origin.host) ? trust.validatedChain() : nil
      return judge.handshake(with: origin, leaf: leaf, chain: chain) == .goOn
    }

    /// Why the socket may not be used, or no longer.
    @objc public var refusal: (any Error)? { judge.refusal }

    /// From now on `cut` is called if new pins do not allow the server. Until ``close()``.
    @objc(openWithCut:)
    public func open(cut: @escaping @Sendable () -> Void) {
      LiveTasks.shared.add(judge, cancel: cut)
    }

    @objc public func close() {
      LiveTasks.shared.remove(judge)
    }
  }

  /// The engine, for the TurboModule.
  @objc(SPKEngine)
  public final class ObjectiveCEngine: NSObject {
    /// Starts the engine, and puts the resource `ssl-pinning.json` of the app into force, if it has one.
    @objc public static func start() {
      let support = FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask).first
      let platform = EnginePlatform { SecServerTrust.path(of: $0, sent: $1) }
      if !Judge.start(Surroundings(of: .main, in: support), platform: platform) {
        NSLog("SpkiPinning: there are no signed pins and no reports")
      }
      if let wrong = EmbeddedConfiguration.load(from: .main) {
        NSLog("SpkiPinning: no host is reached by TLS: %@", wrong)
      }
    }

    @objc(initialize:) public static func initialize(_ document: String) -> String { Configuration.initialize(document) }

    @objc public static func disable() { Configuration.disable() }

    @objc public static func status() -> String { Judge.status }

    /// Waits for a network: not for the main thread.
    @objc public static func update() -> String { Judge.update() }

    /// As ``update()``. `port`: one that is none reaches nobody.
    @objc(verifyHost:port:)
    public static func verify(_ host: String, port: Double) -> String {
      Judge.verify(host, port: UInt16(exactly: port) ?? 0)
    }

    @objc(watchHost:) public static func watch(_ host: String) { Judge.watch(host) }

    @objc public static func watched() -> String { Judge.watched }

    @objc public static func cameToForeground() { Judge.cameToForeground() }

    @objc(tellStack:isHooked:)
    public static func tell(stack: String, isHooked: Bool) { Judge.tell(stack: stack, hooked: isHooked) }

    /// Gives events, as JSON, to `listener`, in place of who had them before. Nil: they wait.
    @objc(setListener:)
    public static func listen(_ listener: (@Sendable (String) -> Void)?) {
      Judge.listen(listener.map(Listener.init))
    }

    /// Whether connections to a URL are judged.
    @objc(isPinnedURL:)
    public static func isPinned(_ url: URL) -> Bool {
      Origin(url).map { Judge.isPinned($0.host) } ?? false
    }

    private final class Listener: EventListener {
      private let handle: @Sendable (String) -> Void

      init(_ handle: @escaping @Sendable (String) -> Void) {
        self.handle = handle
      }

      func onEvent(event: String) { handle(event) }
    }
  }
#endif
