import Foundation
import Testing

@testable import SpkiPinning

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

// On Apple's platforms TLS asks about certificates: AppleTests.swift.
#if !canImport(Security)

/// A session as expo/fetch has one, with our protocol in it.
private final class ExpoFetch: NSObject, URLSessionDataDelegate, @unchecked Sendable {
  private let clients = Locked<[Int: App]>([:])
  private var session: URLSession!

  override init() {
    super.init()
    let configuration = URLSessionConfiguration.ephemeral
    configuration.protocolClasses = [PinnedURLProtocol.self] + (configuration.protocolClasses ?? [])
    session = URLSession(configuration: configuration, delegate: self, delegateQueue: nil)
  }

  @discardableResult
  func start(_ request: URLRequest, _ app: App) -> URLSessionDataTask {
    let task = session.dataTask(with: request)
    clients.with { $0[task.taskIdentifier] = app }
    task.resume()
    return task
  }

  func get(_ url: URL, _ app: App = App()) async -> App.Told {
    start(URLRequest(url: url), app)
    return await app.end()
  }

  private func app(_ task: URLSessionTask) -> App { clients.with { $0[task.taskIdentifier]! } }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
  ) {
    app(dataTask).load(didReceive: response)
    completionHandler(.allow)
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    app(dataTask).load(didReceive: data)
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    app(task).load(didComplete: error)
  }
}

/// A session as a PinnedLoad has it, without a protocol around it.
private struct Loads {
  private let sessions = Generations { PinnedSession() }

  @discardableResult
  func start(_ request: URLRequest, _ app: App) -> PinnedLoad {
    let load = PinnedLoad(request, stack: "test", carriers: sessions, client: app)
    load.start()
    return load
  }

  func get(_ url: URL, _ app: App = App()) async -> App.Told {
    let load = start(URLRequest(url: url), app)
    defer { _ = load }
    return await app.end()
  }
}

extension AllTests {
  /// Requests over real TLS to the testbed. Foundation's TLS on Linux asks nobody about certificates, so that every connection
  /// looks like a resumed one: what the server has shown before is put down by the test.
  @Suite(.enabled(if: Testbed.isReachable, "this process's TLS neither finds nor trusts the testbed: see in-root.sh"))
  struct RealLoadTests {
    private let loads = Loads()
    private let testbed = Testbed.shared

    init() { startAnew() }

    /// Pins hosts at their leaf, and has them have shown it.
    private func know(_ names: String...) {
      pin(Dictionary(uniqueKeysWithValues: names.map { (testbed[$0].host, testbed[$0].pins.leaf!) }))
      for name in names {
        ValidatedChains.shared.record(
          certificates(inPem: testbed[name].chainFile!), of: Origin(testbed[name].url())!)
      }
    }

    private func requests(_ name: String) async throws -> Int {
      let url = testbed.controlUrl.appendingPathComponent("requests")
      let query = URL(string: "\(url.absoluteString)?host=\(name)")!
      let (data, _) = try await URLSession.shared.data(from: query)
      let requests = try JSONSerialization.jsonObject(with: data)
      return (requests as? [Any])?.count ?? (requests as! [String: Any]).values.compactMap { $0 as? [Any] }[0].count
    }

    @Test(arguments: ["leaf", "http1", "h2"])
    func bringsTheAnswer(_ name: String) async {
      know(name)
      let got = await loads.get(testbed[name].url())
      #expect(got.reason == nil && got.status == 200 && !got.body.isEmpty)
      let spoken = (got.response as? HTTPURLResponse)?.value(forHTTPHeaderField: "x-testbed-protocol")
      #expect(spoken == (name == "http1" ? "HTTP/1.1" : "HTTP/2.0"))
    }

    @Test func aHostThatIsNotPinnedIsTheSessionsOwn() async {
      pin(["elsewhere.test": wrongPin])
      #expect(await loads.get(testbed["leaf"].url()).status == 200)
    }

    @Test func withAnotherPinNothingGetsThrough() async {
      know("leaf")
      pin([testbed["leaf"].host: wrongPin])
      let events = Events()
      let got = await loads.get(testbed["leaf"].url())
      #expect(got.ends[0] != nil && got.response == nil && got.body.isEmpty)
      #expect(events.reasons == ["no-pin-matched"])
    }

    @Test func whoHasShownNothingIsAskedTwiceAndRefused() async throws {
      let host = testbed["intermediate"]
      pin([host.host: host.pins.leaf!])
      let events = Events()
      let before = try await requests("intermediate")
      let got = await loads.get(host.url())
      #expect(got.ends[0] != nil && got.response == nil && got.body.isEmpty)
      #expect(events.reasons == ["unverified-response"])
      #expect(try await requests("intermediate") == before + 2)
    }

    @Test func whoHasShownItsKeyWhenAskedAfreshIsTrusted() async throws {
      let host = testbed["intermediate"]
      pin([host.host: host.pins.leaf!])
      let origin = Origin(host.url())!
      let app = App()
      let request = URLRequest(url: host.url("/slow?ms=500"))
      loads.start(request, app)
      try await Task.sleep(nanoseconds: 700_000_000)  // the first answer is there, the second on its way
      ValidatedChains.shared.record(certificates(inPem: host.chainFile!), of: origin)
      let got = await app.end()
      #expect(got.status == 200 && got.reason == nil)
    }

    @Test func aChainThatIsNotValidIsThePlatformsError() async {
      let host = testbed["wrong-host"]
      pin([host.host: host.servedPins[0]])
      let events = Events()
      let got = await loads.get(host.url())
      #expect(got.reason == "" && got.response == nil)
      #expect(events.reasons == [])
    }

    @Test func sendsABodyAndStreamsTheAnswer() async {
      know("leaf")
      var request = URLRequest(url: testbed["leaf"].url("/echo"))
      request.httpMethod = "POST"
      request.httpBody = Data("sent".utf8)
      let app = App()
      loads.start(request, app)
      let got = await app.end()
      #expect(got.text == "sent" && got.reason == nil)
      #expect(await loads.get(testbed["leaf"].url("/file/3000000")).body.count == 3_000_000)
    }

    @Test func anAnswerThatIsCutOffIsAnError() async {
      know("half-close")
      let got = await loads.get(testbed["half-close"].url())
      #expect(got.reason == "")
    }

    @Test func aTimeoutIsTheRequestsOwn() async {
      know("slow-response")
      var request = URLRequest(url: testbed["slow-response"].url())
      request.timeoutInterval = 1
      let app = App()
      loads.start(request, app)
      #expect((await app.end().ends[0] as? URLError)?.code == .timedOut)
    }

    @Test func aRequestCanBeCancelled() async throws {
      know("leaf")
      let app = App()
      let load = loads.start(URLRequest(url: testbed["leaf"].url("/slow?ms=60000")), app)
      try await Task.sleep(nanoseconds: 300_000_000)
      load.cancel()
      try await Task.sleep(nanoseconds: 200_000_000)
      #expect(app.got.ends.isEmpty && app.got.response == nil)
      #expect(LiveTasks.shared.count == 0, "the session has heard of it")
    }

    @Test(arguments: [("http1", "leaf"), ("leaf", "http1"), ("leaf", "rotating")])
    func followsARedirect(_ from: String, _ to: String) async {
      know(to == "rotating" ? "rotating" : "leaf")
      let app = App()
      let target = testbed[to].url("/file/10")
      let got = await loads.get(testbed[from].url("/redirect?to=\(target.absoluteString)"), app)
      #expect(got.redirects == [target])
      #expect(got.status == 200 && got.body.count == 10 && got.reason == nil)
    }

    @Test func aRedirectToAHostWithAnotherPinEndsThere() async {
      know("leaf", "rotating")
      pin([testbed["leaf"].host: testbed["leaf"].pins.leaf!, testbed["rotating"].host: wrongPin])
      let events = Events()
      let got = await loads.get(testbed["leaf"].url("/redirect?to=\(testbed["rotating"].url().absoluteString)"))
      #expect(got.ends[0] != nil && got.body.isEmpty)
      #expect(events.hosts == [testbed["rotating"].host])
    }

    @Test func aRedirectThatTheAppWantsToSeeIsTheAnswer() async {
      know("leaf")
      let target = testbed["http1"].url()
      let got = await loads.get(testbed["leaf"].url("/redirect?to=\(target.absoluteString)"), App(follows: false))
      #expect(got.status == 302 && got.redirects == [target] && got.reason == nil)
    }
  }

  /// A protocol of another library in the session of React Native, as the network inspector of expo-dev-client is one.
  @Suite(.enabled(if: Testbed.isReachable, "this process's TLS neither finds nor trusts the testbed: see in-root.sh"))
  struct ForeignProtocolTests {
    /// Takes everything.
    private final class Inspector: URLProtocol {
      override class func canInit(with request: URLRequest) -> Bool { true }
    }

    private let host = Testbed.shared["leaf"]
    private let stock = ScriptedCarrier()

    init() {
      startAnew()
      ValidatedChains.shared.record(certificates(inPem: host.chainFile!), of: Origin(host.url())!)
      pin([host.host: host.pins.leaf!])
    }

    private func inspected() -> (URLSession, URLSessionDataTask) {
      let configuration = URLSessionConfiguration.ephemeral
      configuration.protocolClasses = [Inspector.self]
      let session = URLSession(configuration: configuration)
      return (session, session.dataTask(with: host.url()))
    }

    @Test func isKnownOnceItHasTakenARequestAndIsGoneAroundForPinnedHosts() async {
      #expect(!ForeignProtocols.wouldTake(URLRequest(url: host.url())))
      let (session, task) = inspected()
      #expect(ForeignProtocols.take(task, of: session))
      #expect(ForeignProtocols.wouldTake(URLRequest(url: host.url())))

      // The carrier of React Native, a script here that never answers, is not asked.
      let app = App()
      let carriers = Generations { [stock] in stock }
      var request = URLRequest(url: host.url("/echo"))
      request.httpMethod = "POST"
      request.httpBody = Data("sent".utf8)
      let load = PinnedLoad(request, stack: "test", carriers: carriers, client: app)
      load.start()
      #expect(await app.end().text == "sent")
      #expect(carriers.count == 0)
      // What is not pinned is its own.
      let free = PinnedLoad(URLRequest(url: Testbed.shared["http1"].url()), stack: "test", carriers: carriers, client: App())
      free.start()
      #expect(carriers.count == 1)
    }

    @Test func theProtocolsOfThePlatformAreNone() {
      let session = URLSession(configuration: .default)
      #expect(!ForeignProtocols.take(session.dataTask(with: host.url()), of: session))
    }
  }

  /// The protocol in a session, as expo/fetch has it. Foundation on Linux knows no redirects of protocols.
  @Suite(.enabled(if: Testbed.isReachable, "this process's TLS neither finds nor trusts the testbed: see in-root.sh"))
  struct URLProtocolTests {
    private let fetch = ExpoFetch()
    private let host = Testbed.shared["leaf"]

    init() {
      startAnew()
      pin([host.host: host.pins.leaf!])
      ValidatedChains.shared.record(certificates(inPem: host.chainFile!), of: Origin(host.url())!)
    }

    @Test func takesWhatHasTls() {
      #expect(PinnedURLProtocol.canInit(with: URLRequest(url: host.url())))
      #expect(PinnedURLProtocol.canInit(with: URLRequest(url: Testbed.shared["http1"].url())))
      #expect(!PinnedURLProtocol.canInit(with: URLRequest(url: URL(string: "http://\(host.host)/")!)))
    }

    @Test func bringsTheAnswer() async {
      let got = await fetch.get(host.url("/file/3000000"))
      #expect(got.reason == nil && got.status == 200 && got.body.count == 3_000_000)
    }

    @Test func aHostThatIsNotPinnedIsReached() async {
      pin(["elsewhere.test": wrongPin])
      #expect(await fetch.get(host.url()).status == 200)
    }

    @Test func withAnotherPinNothingGetsThrough() async {
      pin([host.host: wrongPin])
      let got = await fetch.get(host.url())
      #expect(got.ends[0] != nil && got.response == nil && got.body.isEmpty)
    }

    @Test func canBeCancelled() async throws {
      let app = App()
      let task = fetch.start(URLRequest(url: host.url("/slow?ms=60000")), app)
      try await Task.sleep(nanoseconds: 300_000_000)
      task.cancel()
      #expect((await app.end().ends[0] as? URLError)?.code == .cancelled)
    }
  }
}

#endif
