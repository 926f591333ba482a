import Foundation
import Testing

@testable import SpkiPinning

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

private let leaf = Vectors.certificates["leaf"]!["pin"]!
private let url = URL(string: "https://a.test/x")!
private let origin = Origin(url)!

/// A carrier for each configuration, as scripts have them.
private final class Scripts: Sendable {
  private let made = Locked<[ScriptedCarrier]>([])
  let generations: Generations

  init() {
    let made = self.made
    generations = Generations {
      let carrier = ScriptedCarrier()
      made.with { $0.append(carrier) }
      return carrier
    }
  }

  var carriers: [ScriptedCarrier] { made.with { $0 } }

  /// Starts a request of the app.
  func ask(_ app: App, _ url: URL = url, method: String = "GET", body: InputStream? = nil) -> PinnedLoad {
    var request = URLRequest(url: url)
    request.httpMethod = method
    request.httpBodyStream = body
    let load = PinnedLoad(request, stack: "test", carriers: generations, client: app)
    load.start()
    return load
  }
}

extension PinnedLoad {
  fileprivate func shows(_ certificates: String...) async -> TaskJudge.ChallengeAnswer {
    await challenged(by: origin, trust: Shown(certificates.map(Vectors.der)))
  }

  /// Whether the app gets it.
  fileprivate func answers(
    _ response: URLResponse = answer(url), isTaken: Bool = false, cached: CachedURLResponse? = nil
  ) -> Bool {
    received(response, isTaken: isTaken) { cached }
  }
}

extension PinnedLoad {
  /// Whether a redirect goes on.
  func follows(_ redirect: HTTPURLResponse, cached: CachedURLResponse? = nil) -> Bool {
    goesOn(after: redirect, isTaken: false) { cached }
  }
}

extension AllTests {
  /// What sessions do to a request, as scripts: challenges, answers without one, redirects, in any order.
  @Suite struct LoadTests {
    private let scripts = Scripts()
    private let app = App()
    private let events: Events

    init() {
      startAnew()
      events = Events()
      pin(["a.test": leaf])
    }

    /// A request of another task has made the handshake before.
    private func handshake(_ certificates: String...) async {
      let load = scripts.ask(App())
      _ = await load.challenged(by: origin, trust: Shown(certificates.map(Vectors.der)))
      load.completed(nil)
    }

    @Test func aHandshakeWithThePinnedKeyIsAnswered() async {
      let load = scripts.ask(app)
      #expect(await load.shows("leaf", "intermediate") == .goOn)
      #expect(load.answers(answer(url, status: 201)))
      load.received(Data("yes".utf8))
      load.completed(nil)
      #expect(app.got.status == 201 && app.got.text == "yes" && app.got.ends.count == 1 && app.got.reason == nil)
    }

    @Test func aHandshakeWithAnotherKeyEndsInAnErrorThatSaysSo() async {
      let load = scripts.ask(app)
      #expect(await load.shows("root") == .stop)
      load.completed(URLError(.cancelled))
      #expect(app.got.reason == "no-pin-matched")
      #expect((app.got.ends[0]! as NSError).code == NSURLErrorServerCertificateUntrusted)
      #expect(app.got.ends[0]!.localizedDescription.contains("a.test"))
      #expect(events.reasons == ["no-pin-matched"])
    }

    @Test func anErrorOfThePlatformStaysItsOwn() async {
      let load = scripts.ask(app)
      #expect(await load.challenged(by: origin, trust: Shown([Vectors.der("root")], valid: false)) == .failByPlatform)
      load.completed(URLError(.serverCertificateUntrusted))
      #expect(app.got.ends[0] is URLError)
      #expect(events.reasons == [])
    }

    @Test func aHandshakeThatThePlatformRefusesIsNotMadeGoodByOneBefore() async {
      await handshake("leaf")
      let load = scripts.ask(app)
      let invalid = Shown([Vectors.der("leaf")], valid: false)
      #expect(await load.challenged(by: origin, trust: invalid) == .failByPlatform)
      #expect(!load.answers(), "somebody has accepted it in the platform's place")
      load.completed(URLError(.cancelled))
      #expect(app.got.reason == "chain-not-validated")
    }

    /// A category on React Native's handler, a delegate of the app's: "trust everything" is written into many.
    @Test func whoAcceptsEveryCertificateIsNotAskedAboutOneOfAPinnedServer() async {
      let trustsEverything: @Sendable (ChallengeCompletion) -> Void = { $0(.useCredential, nil) }
      let unpinned = Origin(host: "elsewhere.test", port: 443)
      for (server, certificate, valid, expected) in [
        (origin, "root", false, URLSession.AuthChallengeDisposition.performDefaultHandling),
        (origin, "leaf", false, .performDefaultHandling),  // nobody vouches for it, whatever its key
        (origin, "root", true, .cancelAuthenticationChallenge),
        (origin, "leaf", true, .useCredential),
        (unpinned, "root", false, .useCredential),
      ] {
        let load = scripts.ask(app)
        let answer = await load.challenged(by: server, trust: Shown([Vectors.der(certificate)], valid: valid))
        let told = Locked<[URLSession.AuthChallengeDisposition]>([])
        apply(answer, orAs: trustsEverything) { disposition, _ in told.with { $0.append(disposition) } }
        #expect(told.with { $0 } == [expected], "\(server.host) \(certificate) \(valid)")
      }
    }

    @Test func aPooledConnectionIsJudgedByTheHandshakeThatItGoesBackTo() async {
      await handshake("leaf")
      #expect(scripts.ask(app).answers())
      #expect(events.reasons == [])
    }

    @Test func aResumedSessionUnderNewPinsIsJudgedByThem() async {
      await handshake("leaf")
      pin(["a.test": wrongPin])
      let load = scripts.ask(app)
      #expect(scripts.carriers.count == 2, "the new pins have connections of their own")
      #expect(!load.answers())
      load.completed(URLError(.cancelled))
      #expect(app.got.reason == "no-pin-matched" && app.got.ends.count == 1)
      #expect(events.reasons == ["no-pin-matched"])

      // Wrong, then right: works again.
      pin(["a.test": leaf])
      #expect(scripts.ask(App()).answers())
    }

    @Test func aHostPinnedAfterItsHandshakeIsJudgedByIt() async {
      Configuration.disable()
      await handshake("root")
      pin(["a.test": leaf])
      let load = scripts.ask(app)
      #expect(!load.answers())
      load.completed(URLError(.cancelled))
      #expect(app.got.reason == "no-pin-matched")
    }

    @Test func pinsThatChangeBetweenHandshakeAndAnswerHold() async {
      let load = scripts.ask(app)
      #expect(await load.shows("leaf") == .goOn)
      pin(["a.test": wrongPin])
      #expect(!load.answers())
      load.completed(URLError(.cancelled))
      #expect(app.got.reason == "no-pin-matched")
    }

    @Test func anAnswerThatNobodyCanJudgeIsAskedForAfreshAndNotGiven() async {
      // A host that shares another one's connection has no handshake of its own.
      let load = scripts.ask(app, method: "POST")
      #expect(!load.answers())
      load.completed(URLError(.cancelled))
      #expect(app.got.reason == "unverified-response", "a POST may have arrived: it is not done twice")
      #expect(events.reasons == ["unverified-response"] && events.hosts == ["a.test"])
      #expect(app.got.response == nil && app.got.ends.count == 1)
    }

    @Test func aRequestThatALibraryTakesAwayIsNotJudgedByTheHandshakesOfOthers() async {
      await handshake("leaf")
      let load = scripts.ask(app, method: "POST")
      #expect(!load.answers(isTaken: true))
      load.completed(URLError(.cancelled))
      #expect(app.got.reason == "unverified-response")
    }

    @Test func aLibraryThatTakesARequestAndPassesItsChallengeOnIsJudgedByThat() async {
      let good = scripts.ask(app)
      #expect(await good.shows("leaf") == .goOn)
      #expect(good.answers(isTaken: true))
      #expect(await scripts.ask(App()).shows("root") == .stop)
    }

    @Test func anUploadWithAStreamIsNotRepeated() async {
      let load = scripts.ask(app, body: InputStream(data: Data("upload".utf8)))
      load.sent(6)
      #expect(!load.answers())
      load.completed(URLError(.cancelled))
      #expect(app.got.sent == 6 && app.got.reason == "unverified-response")
    }

    /// What the cache keeps of an answer that came over a connection with this certificate.
    private func kept(_ certificate: String) async -> CachedURLResponse {
      let load = scripts.ask(App())
      _ = await load.challenged(by: origin, trust: Shown([Vectors.der(certificate)]))
      let answer = answer(url, headers: ["Etag": "1"])
      let kept = load.marked(CachedURLResponse(response: answer, data: Data("kept".utf8)), isTaken: false)
      load.completed(nil)
      return kept
    }

    @Test func anAnswerOutOfTheCacheIsTheCachesOwn() async {
      let kept = await kept("leaf")
      let load = scripts.ask(app)
      #expect(!load.answers(answer(url, headers: ["ETag": "1"]), cached: kept), "the task itself is not needed any more")
      load.received(Data("of somebody who passes for the cache".utf8))
      load.completed(URLError(.cancelled))
      #expect(app.got.status == 200 && app.got.text == "kept" && app.got.ends.count == 1 && app.got.reason == nil)
      #expect(events.reasons == [])
    }

    @Test func anAnswerThatWasCachedBeforeThePinsIsNotGiven() async {
      Configuration.disable()
      let wrong = await kept("root")
      pin(["a.test": leaf])
      let byNobody = CachedURLResponse(response: wrong.response, data: wrong.data)
      for kept in [wrong, byNobody] {
        let exchange = Exchange(URLRequest(url: url), stack: "test", isFresh: false)
        guard case .askAfresh = exchange.answered(by: kept.response, isTaken: false, cached: { kept }) else {
          Issue.record("an answer of before the pins is given")
          continue
        }
      }
      // Not even to who has shown the right key: a server that says "not modified" does not know what it speaks of.
      let load = scripts.ask(app)
      #expect(await load.shows("leaf") == .goOn)
      #expect(!load.answers(wrong.response, cached: wrong))
      load.cancel()
      #expect(app.got.response == nil)
    }

    @Test func aRedirectThatWasCachedBeforeThePinsIsNotFollowed() async {
      let redirect = answer(url, status: 301, headers: ["Location": "https://elsewhere.test/"])
      let kept = CachedURLResponse(response: redirect, data: Data())
      let load = scripts.ask(app)
      #expect(await load.shows("leaf") == .goOn)
      #expect(!load.follows(redirect, cached: kept), "it is asked for afresh")
      load.cancel()
      // What cannot be asked twice is refused.
      let other = App()
      let post = scripts.ask(other, method: "POST")
      #expect(await post.shows("leaf") == .goOn)
      #expect(!post.follows(redirect, cached: kept))
      post.completed(URLError(.cancelled))
      #expect(other.got.reason == "unverified-response")
      // Another one than the cache's has come from the server that has shown its key.
      let fresh = scripts.ask(App())
      #expect(await fresh.shows("leaf") == .goOn)
      #expect(fresh.follows(answer(url, status: 302), cached: kept) && fresh.follows(redirect))
      fresh.cancel()
    }

    @Test func whatTheServerAnswersAnewIsNotTakenForWhatTheCacheHolds() async {
      let kept = await kept("leaf")
      let load = scripts.ask(app)
      #expect(load.answers(answer(url, headers: ["Etag": "2"]), cached: kept))
      load.received(Data("new".utf8))
      #expect(app.got.text == "new")
    }

    @Test func anAnswerThatIsNotWhatTheCacheHoldsIsNotOutOfIt() async {
      let kept = CachedURLResponse(response: answer(url, headers: ["Etag": "1"]), data: Data("kept".utf8))
      for other in [answer(url, headers: ["Etag": "2"]), answer(url, status: 203, headers: ["Etag": "1"])] {
        let app = App()
        let load = scripts.ask(app, method: "POST")
        #expect(!load.answers(other, cached: kept))
        load.completed(URLError(.cancelled))
        #expect(app.got.reason == "unverified-response" && app.got.text == "")
      }
    }

    @Test func anAnswerOutOfTheCacheIsJudgedByThePinsInForceNow() async {
      let kept = await kept("leaf")
      pin(["a.test": wrongPin])
      var request = URLRequest(url: url)
      request.cachePolicy = .returnCacheDataDontLoad
      let exchange = Exchange(request, stack: "test", isFresh: false)
      guard case .fail(let refusal) = exchange.answered(by: kept.response, isTaken: false, cached: { kept }) else {
        Issue.record("an answer of a connection that the pins do not allow is given")
        return
      }
      #expect(refusal.reason == "unverified-response")
    }

    @Test func redirectsFromAHostThatIsNotPinnedToOneThatIsAndBack() async {
      let free = URL(string: "https://b.test/")!
      let there = scripts.ask(app, free)
      #expect(there.follows(answer(free, status: 302)))
      #expect(await there.shows("leaf") == .goOn)
      #expect(there.follows(answer(url, status: 302)))
      #expect(there.answers(answer(free)))
      there.completed(nil)
      #expect(app.got.reason == nil && app.got.status == 200)

      let wrong = App()
      let load = scripts.ask(wrong, free)
      #expect(load.follows(answer(free, status: 302)))
      #expect(await load.shows("root") == .stop)
      load.completed(URLError(.cancelled))
      #expect(wrong.got.reason == "no-pin-matched")
      #expect(events.hosts == ["a.test"], "the host that failed, not the one that was asked")
    }

    @Test func aRedirectByAPinnedHostThatNobodyCanJudgeIsNotFollowed() async {
      let load = scripts.ask(app, method: "POST")
      #expect(!load.follows(answer(url, status: 307)))
      load.completed(URLError(.cancelled))
      #expect(app.got.reason == "unverified-response")
    }

    @Test func reportOnlyLetsEverythingThroughAndReports() async {
      let domain: [String: Any] = ["publicKeyHashes": [wrongPin, leaf], "reportOnly": true]
      _ = Configuration.initialize(json(["a.test": domain]))
      let load = scripts.ask(app)
      #expect(await load.shows("root") == .goOn)
      #expect(load.answers())
      #expect(scripts.ask(App()).answers(isTaken: true))
      #expect(events.reasons == ["pins-dropped", "no-pin-matched"])
    }

    @Test func pinsThatAreChangedWhile20RequestsRunCutThoseThatAreNotAllowed() async {
      pin(["a.test": leaf, "c.test": leaf])
      let elsewhere = URL(string: "https://c.test/")!
      let apps = (0..<20).map { _ in App() }
      var loads: [PinnedLoad] = []
      for (index, app) in apps.enumerated() {
        let load = scripts.ask(app, index % 2 == 0 ? url : elsewhere)
        let host = Origin(index % 2 == 0 ? url : elsewhere)!
        #expect(await load.challenged(by: host, trust: Shown([Vectors.der("leaf")])) == .goOn)
        #expect(load.answers(answer(index % 2 == 0 ? url : elsewhere)))
        loads.append(load)
      }
      let first = scripts.carriers[0]
      pin(["a.test": wrongPin, "c.test": leaf])
      for (index, load) in loads.enumerated() {
        load.completed(index % 2 == 0 ? URLError(.cancelled) : nil)  // what a session says of a task that is cut
        #expect(apps[index].got.reason == (index % 2 == 0 ? "no-pin-matched" : nil))
      }
      #expect(events.reasons.filter { $0 == "no-pin-matched" }.count == 10)
      #expect(LiveTasks.shared.count == 0)
      #expect(first.timesRetired == 0, "it is the current one until another request starts")
      _ = scripts.ask(App())
      #expect(first.timesRetired == 1 && scripts.generations.count == 1)
    }

    @Test func aTaskIsStoppedWhenItsServerIsNotAllowedAnyMore() async {
      let stopped = Locked(0)
      let judge = TaskJudge(stack: "test")
      LiveTasks.shared.add(judge) { stopped.with { $0 += 1 } }
      #expect(await judge.challenged(by: origin, trust: Shown([Vectors.der("leaf")])) == .goOn)
      pin(["a.test": leaf, "c.test": leaf])
      #expect(stopped.with { $0 } == 0)
      pin(["a.test": wrongPin])
      #expect(stopped.with { $0 } == 1)
      LiveTasks.shared.remove(judge)
    }

    @Test func aTaskOnItsWayFromARedirectIsNotStoppedForWhoHasSentIt() async {
      let judge = TaskJudge(stack: "test")
      LiveTasks.shared.add(judge) { Issue.record("stopped") }
      #expect(await judge.challenged(by: origin, trust: Shown([Vectors.der("leaf")])) == .goOn)
      guard case .trusted = judge.redirected(by: url, isTaken: false) else {
        Issue.record("the redirect is not followed")
        return
      }
      pin(["a.test": wrongPin])
      LiveTasks.shared.remove(judge)
    }

    @Test func aCarrierIsRetiredOnceAfterItsLastRequest() async {
      let (one, two) = (scripts.ask(App()), scripts.ask(App()))
      pin(["a.test": leaf, "c.test": leaf])
      let three = scripts.ask(App())
      let old = scripts.carriers[0]
      one.completed(nil)
      #expect(old.timesRetired == 0)
      two.completed(nil)
      #expect(old.timesRetired == 1)
      three.completed(nil)
      #expect(scripts.carriers.count == 2 && scripts.carriers[1].timesRetired == 0)
    }

    @Test func theEndOfAReloadEndsWhatRuns() async {
      let load = scripts.ask(app)
      scripts.generations.invalidate()
      #expect(scripts.carriers[0].timesRetired == 1)
      load.completed(URLError(.cancelled))
      #expect(scripts.carriers[0].timesRetired == 1)
      #expect(app.got.reason == "")
      let late = App()
      _ = scripts.ask(late)
      #expect(await late.end().reason == "", "who asks afterwards is told")
      #expect(LiveTasks.shared.count == 0)
    }

    @Test func aRequestThatWasCancelledSaysNothingMore() async {
      let load = scripts.ask(app)
      load.cancel()
      #expect(!load.answers())
      load.received(Data("late".utf8))
      load.completed(URLError(.cancelled))
      #expect(app.got.ends.isEmpty && app.got.body.isEmpty && app.got.response == nil)
      #expect(LiveTasks.shared.count == 0)
    }
  }

  @Suite struct ValidatedChainsTests {
    init() { startAnew() }

    @Test func forgetsTheOneThatWasNotAskedForLongest() {
      let chains = ValidatedChains(capacity: 2)
      let origins = (0..<3).map { Origin(host: "h\($0).test", port: 443) }
      chains.record([Data([0])], of: origins[0])
      chains.record([Data([1])], of: origins[1])
      #expect(chains[origins[0]] == [Data([0])])
      chains.record([Data([2])], of: origins[2])
      #expect(chains[origins[1]] == nil && chains[origins[0]] != nil && chains[origins[2]] != nil)
    }
  }

  @Suite struct SessionJudgeTests {
    private let judge = SessionJudge(stack: "app")
    private let task = URLSession.shared.dataTask(with: url)

    init() {
      startAnew()
      pin(["a.test": leaf])
    }

    @Test func refusesAnAnswerThatNobodyCanJudgeAndPutsItsErrorInPlace() {
      #expect(!judge.answered(by: answer(url), to: task, isTaken: false))
      #expect((judge.ended(task, error: URLError(.cancelled)) as? SslPinningError)?.reason == "unverified-response")
      #expect(LiveTasks.shared.count == 0)
      #expect(judge.ended(task, error: URLError(.timedOut)) is URLError, "another task's error is its own")
    }

    @Test func aLibraryThatTakesATaskCannotNameAnotherServer() {
      ValidatedChains.shared.record([Vectors.der("leaf")], of: origin)
      #expect(!judge.answered(by: answer(URL(string: "https://b.test/")!), to: task, isTaken: true))
      #expect((judge.ended(task, error: nil) as? SslPinningError)?.reason == "unverified-response")
    }

    @Test func forgetsATaskThatTheNetworkIsDoneWith() {
      ValidatedChains.shared.record([Vectors.der("leaf")], of: origin)
      #expect(judge.answered(by: answer(url), to: task, isTaken: false))
      #expect(LiveTasks.shared.count == 1)
      judge.isDone(task)
      #expect(LiveTasks.shared.count == 0)
      #expect(judge.ended(task, error: URLError(.timedOut)) is URLError)
    }

    @Test func judgesAnAnswerByTheLastHandshake() {
      ValidatedChains.shared.record([Vectors.der("leaf")], of: origin)
      #expect(judge.answered(by: answer(url), to: task, isTaken: false))
      #expect(judge.ended(task, error: nil) == nil)
    }
  }
}
