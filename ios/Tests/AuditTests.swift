import Foundation
import Testing

@testable import SpkiPinning

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

// What an audit has found, each as the test that failed until it was mended.

private let leaf = Vectors.certificates["leaf"]!["pin"]!
private let url = URL(string: "https://a.test/x")!
private let origin = Origin(url)!

/// A handshake whose evaluation takes its time: until the test says what it finds.
private final class Pending: ServerTrust {
  private let chain: [Data]
  private let state = Locked<(CheckedContinuation<Bool, Never>?, [CheckedContinuation<Void, Never>])>((nil, []))

  init(_ certificate: String) { chain = [Vectors.der(certificate)] }

  func leaf() async -> Data? { chain.first }

  func isValid() async -> Bool {
    await withCheckedContinuation { continuation in
      state.with { state in
        state.0 = continuation
        defer { state.1 = [] }
        return state.1
      }.forEach { $0.resume() }
    }
  }

  func validatedChain() -> [Data] { chain }

  /// Waits until it is being evaluated.
  func isAsked() async {
    await withCheckedContinuation { continuation in
      let isThere = state.with { state in
        if state.0 == nil { state.1.append(continuation) }
        return state.0 != nil
      }
      if isThere { continuation.resume() }
    }
  }

  func ends(_ valid: Bool) { state.with { $0.0 }?.resume(returning: valid) }
}

private final class CannotStart: Carrier {
  func start(_ request: URLRequest, for load: PinnedLoad) -> URLSessionTask? { nil }
  func retire() {}
}

/// What a session hears of a protocol: nothing that matters here.
private final class ProtocolClient: NSObject, URLProtocolClient, @unchecked Sendable {
  func urlProtocol(_ protocol: URLProtocol, wasRedirectedTo request: URLRequest, redirectResponse: URLResponse) {}
  func urlProtocol(_ protocol: URLProtocol, cachedResponseIsValid cachedResponse: CachedURLResponse) {}
  func urlProtocol(
    _ protocol: URLProtocol, didReceive response: URLResponse, cacheStoragePolicy policy: URLCache.StoragePolicy
  ) {}
  func urlProtocol(_ protocol: URLProtocol, didLoad data: Data) {}
  func urlProtocolDidFinishLoading(_ protocol: URLProtocol) {}
  func urlProtocol(_ protocol: URLProtocol, didFailWithError error: any Error) {}
  func urlProtocol(_ protocol: URLProtocol, didReceive challenge: URLAuthenticationChallenge) {}
  func urlProtocol(_ protocol: URLProtocol, didCancel challenge: URLAuthenticationChallenge) {}
}

private final class TakesByTask: URLProtocol {
  override class func canInit(with request: URLRequest) -> Bool { false }
  override class func canInit(with task: URLSessionTask) -> Bool { true }
}

extension AllTests {
  @Suite struct AuditTests {
    private let made: Locked<[ScriptedCarrier]>
    private let generations: Generations
    private let app = App()
    private let events: Events

    init() {
      startAnew()
      events = Events()
      let made = Locked<[ScriptedCarrier]>([])
      self.made = made
      generations = Generations {
        let carrier = ScriptedCarrier()
        made.with { $0.append(carrier) }
        return carrier
      }
      pin(["a.test": leaf])
    }

    private func ask(_ app: App, _ url: URL = url, method: String = "GET") -> PinnedLoad {
      var request = URLRequest(url: url)
      request.httpMethod = method
      let load = PinnedLoad(request, stack: "test", carriers: generations, client: app)
      load.start()
      return load
    }

    private func shows(_ load: PinnedLoad, _ certificate: String) async -> TaskJudge.ChallengeAnswer {
      await load.challenged(by: origin, trust: Shown([Vectors.der(certificate)]))
    }

    private func answers(_ load: PinnedLoad, _ response: URLResponse = answer(url), isTaken: Bool = false) -> Bool {
      load.received(response, isTaken: isTaken) { nil }
    }

    @Test func aHandshakeThatWasRefusedDoesNotSpeakForTheConnectionsThatAreGood() async {
      let first = ask(App())
      #expect(await shows(first, "leaf") == .goOn)
      #expect(answers(first))
      first.completed(nil)
      // A network with an inspecting proxy: stopped, so that no connection and no TLS session comes of it.
      let intercepted = ask(App())
      #expect(await shows(intercepted, "root") == .stop)
      intercepted.completed(URLError(.cancelled))
      // Back: the open connection, or a session resumed from the first handshake. No challenge.
      #expect(answers(ask(app)), "refused by the chain of a connection that never was")
    }

    @Test func hostsThatArePinnedShareNoPoolOfConnectionsWithOthers() {
      _ = ask(App(), URL(string: "https://b.test/")!)
      _ = ask(App(), url)
      #expect(made.with { $0.count } == 2, "a.test can be coalesced onto a connection of b.test, without a challenge")
    }

    @Test(arguments: ["http://127.0.0.1:8080/x", "https://b.test/x"])
    func aLibraryThatTakesARequestCannotNameAnotherServerAsTheOneThatAnswered(_ other: String) {
      let load = ask(app, method: "POST")
      #expect(!answers(load, answer(URL(string: other)!), isTaken: true))
      #expect(app.got.response == nil)
    }

    @Test(arguments: [false, true])
    func aChallengeUnderWayDoesNotUndoTheOneThatWasAllowed(_ reportOnly: Bool) async {
      if reportOnly {
        let domain: [String: Any] = ["publicKeyHashes": [wrongPin, leaf], "reportOnly": true]
        _ = Configuration.initialize(json(["a.test": domain]))
      }
      let load = ask(app)
      #expect(await shows(load, "leaf") == .goOn)
      let second = Pending("leaf")  // another address, or QUIC beside TCP
      async let late = load.challenged(by: origin, trust: second)
      await second.isAsked()
      let isDelivered = answers(load)  // over the first
      second.ends(true)
      _ = await late
      #expect(isDelivered, "\(events.reasons)")
    }

    @Test func aNewConfigurationDuringAChallengeDoesNotCutWhatItAllows() async {
      let load = ask(app)
      #expect(await shows(load, "leaf") == .goOn)
      #expect(load.follows(answer(url, status: 302)))  // to another path of the same host
      let second = Pending("leaf")
      async let late = load.challenged(by: origin, trust: second)
      await second.isAsked()
      pin(["a.test": leaf, "c.test": leaf])
      second.ends(true)
      _ = await late
      #expect(events.reasons == [])
      #expect(answers(load))
      load.completed(nil)
      #expect(app.got.reason == nil)
    }

    @Test func newPinsCutARequestThatIsStillBeingSent() async {
      let load = ask(app, method: "POST")
      #expect(await shows(load, "leaf") == .goOn)
      load.sent(1_000)
      pin(["a.test": wrongPin])
      load.completed(URLError(.cancelled))
      #expect(app.got.reason == "no-pin-matched")
      #expect(events.reasons == ["no-pin-matched"])
    }

    @Test func whatComesAfterTheCutIsNotTheApps() async {
      let load = ask(app)
      #expect(await shows(load, "leaf") == .goOn)
      #expect(answers(load))
      pin(["a.test": wrongPin])
      load.received(Data("late".utf8))  // the session has not heard of the cancellation yet
      #expect(app.got.text == "")
    }

    @Test func aTaskThatHasGoneOnToAnotherServerIsNotCutForTheOneBefore() async {
      let load = ask(app)
      #expect(await shows(load, "leaf") == .goOn)
      #expect(load.follows(answer(url, status: 302)))
      #expect(answers(load, answer(URL(string: "http://plain.test/stream")!)))
      pin(["a.test": wrongPin])
      load.completed(nil)
      #expect(app.got.reason == nil)
    }

    @Test func pinsThatTakeOverWhenMoreSpecificOnesExpireHold() async {
      let specific: [String: Any] = ["publicKeyHashes": [wrongPin, leaf], "expirationDate": "2030-01-02"]
      let wide: [String: Any] = [
        "publicKeyHashes": [wrongPin, Vectors.certificates["root"]!["pin"]!], "includeSubdomains": true,
      ]
      let midnight: Int64 = 1_893_542_400_000
      PinningEngine.shared().testingSetNow(nowMs: midnight - 1)
      _ = Configuration.initialize(json(["a.x.test": specific, "x.test": wide]))
      let judge = TaskJudge(stack: "test")
      let host = Origin(host: "a.x.test", port: 443)
      #expect(await judge.challenged(by: host, trust: Shown([Vectors.der("leaf")])) == .goOn)
      PinningEngine.shared().testingSetNow(nowMs: midnight)
      guard case .refused = judge.answered(by: URL(string: "https://a.x.test/"), isTaken: false) else {
        Issue.record("trusted under a pin that has expired")
        return
      }
    }

    @Test func anIdnInAUrlIsTheHostOfItsChallenge() async {
      pin(["müller.test": leaf])
      let judge = TaskJudge(stack: "test")
      let challenged = Origin(host: "xn--mller-kva.test", port: 443)
      #expect(await judge.challenged(by: challenged, trust: Shown([Vectors.der("leaf")])) == .goOn)
      var parts = URLComponents()
      (parts.scheme, parts.host, parts.path) = ("https", "müller.test", "/")
      for url in [parts.url!, URL(string: "https://m%C3%BCller.test/")!, URL(string: "https://xn--mller-kva.test/")!] {
        guard case .trusted = judge.answered(by: url, isTaken: false) else {
          Issue.record("\(url): host \(url.host ?? "none") is another server")
          continue
        }
      }
    }

    @Test func hostsThatAreNotPinnedDoNotPushOutOneThatIs() async {
      let first = ask(App())
      #expect(await shows(first, "leaf") == .goOn)
      first.completed(nil)
      for index in 0..<512 {
        let host = Origin(host: "image\(index).test", port: 443)
        #expect(await TaskJudge(stack: "test").challenged(by: host, trust: Shown([Vectors.der("root")])) == .goOn)
      }
      #expect(answers(ask(app, method: "POST")))  // over the pooled connection
      #expect(events.reasons == [])
    }

    @Test func aLibraryThatTakesTasksRatherThanRequestsIsSeen() {
      let configuration = URLSessionConfiguration.ephemeral
      configuration.protocolClasses = [TakesByTask.self]
      let session = URLSession(configuration: configuration)
      #expect(ForeignProtocols.take(session.dataTask(with: url), of: session))
    }

    @Test func ourOwnProtocolIsNotAnotherLibrarys() {
      let configuration = URLSessionConfiguration.ephemeral
      configuration.protocolClasses = [PinnedURLProtocol.self]
      let session = URLSession(configuration: configuration)
      #expect(!ForeignProtocols.take(session.dataTask(with: url), of: session))
    }

    @Test func theClientHearsNothingBeforeStartReturns() async {
      // Under a lock of the caller's, or before it has the token that it is called back with. Another thread may be quick enough
      // to tell it right after that, but not each time.
      var wasTold: [Bool] = []
      for _ in 1...20 {
        let app = App()
        let load = PinnedLoad(
          URLRequest(url: url), stack: "test", carriers: Generations { CannotStart() }, client: app)
        load.start()
        wasTold.append(!app.got.ends.isEmpty)
        #expect(await app.end().ends.count == 1)
      }
      #expect(wasTold.contains(false))
    }

    @Test func whatIsOnlyWantedFromTheCacheIsNotAskedOfTheNetwork() {
      var request = URLRequest(url: url)
      request.cachePolicy = .returnCacheDataDontLoad
      let exchange = Exchange(request, stack: "test", isFresh: false)
      if case .askAfresh = exchange.answered(by: answer(url), isTaken: false, cached: { nil }) {
        Issue.record("asks the network")
      }
    }

    @Test func aSessionThatIsGoneLeavesNoTasksBehind() {
      do {
        let judge = SessionJudge(stack: "app")
        ValidatedChains.shared.record([Vectors.der("leaf")], of: origin)
        // Tasks with a completion handler tell their delegate of challenges and redirects, never of their end.
        let task = URLSession.shared.dataTask(with: url)
        #expect(judge.answered(by: answer(url, status: 302), to: task, isTaken: false))
      }
      #expect(LiveTasks.shared.count == 0)
    }

    @Test func connectionsRefusedForAnInvalidConfigurationAreEvents() async throws {
      let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).json")
      try Data("{".utf8).write(to: file)
      #expect(EmbeddedConfiguration.load(from: file) != nil)
      #expect(await shows(ask(app), "leaf") == .stop)
      #expect(events.reasons.contains("configuration-not-in-force"), "\(events.reasons)")
      Configuration.disable()
    }

    /// For the thread sanitizer: the session's own thread stops a protocol while the load's queue tells it of a redirect.
    @Test func aProtocolIsStoppedWhileItIsRedirected() async {
      for _ in 0..<5 {
        let taken = PinnedURLProtocol(request: URLRequest(url: url), cachedResponse: nil, client: ProtocolClient())
        taken.startLoading()
        await withTaskGroup(of: Void.self) { group in
          group.addTask { taken.stopLoading() }
          group.addTask { _ = taken.load(wasRedirectedTo: URLRequest(url: url), by: answer(url, status: 302)) }
        }
      }
    }
  }

  #if !canImport(Security)
    @Suite(.enabled(if: Testbed.isReachable))
    struct AuditExpoTests {
      private final class Delegate: NSObject, URLSessionDataDelegate, @unchecked Sendable {
        let app = App()
        func urlSession(
          _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
          completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
        ) {
          app.load(didReceive: response)
          completionHandler(.allow)
        }
        func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
          app.load(didReceive: data)
        }
        func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
          app.load(didComplete: error)
        }
      }

      /// Foundation on Linux crashes now and then when a session goes.
      private static let sessions = Locked<[URLSession]>([])

      init() { startAnew() }

      @Test func aRequestOfExpoFetchUnderWayWhenItsHostIsPinnedIsJudged() async throws {
        let host = Testbed.shared["leaf"]
        let configuration = URLSessionConfiguration.ephemeral
        configuration.protocolClasses = [PinnedURLProtocol.self] + (configuration.protocolClasses ?? [])
        let delegate = Delegate()
        let session = URLSession(configuration: configuration, delegate: delegate, delegateQueue: nil)
        Self.sessions.with { $0.append(session) }
        session.dataTask(with: host.url("/slow?ms=800")).resume()
        try await Task.sleep(nanoseconds: 300_000_000)
        pin([host.host: wrongPin])
        let got = await delegate.app.end()
        #expect(got.response == nil && got.ends[0] != nil)
      }
    }
  #endif
}
