import Foundation
import Testing

@testable import SpkiPinning

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

private let leaf = Vectors.certificates["leaf"]!["pin"]!
private let pinned = Origin(host: "a.test", port: 443)

extension AllTests {
  /// The configuration that an app carries, before its code runs.
  @Suite struct EmbeddedConfigurationTests {
    private let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())/ssl-pinning.json")

    init() {
      startAnew()
      try! FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    }

    private func load(_ document: String) -> String? {
      try! Data(document.utf8).write(to: file)
      return EmbeddedConfiguration.load(from: file)
    }

    private func handshake(_ certificate: String, host: String = "a.test") async -> TaskJudge.ChallengeAnswer {
      await TaskJudge(stack: "test").challenged(
        by: Origin(host: host, port: 443), trust: Shown([Vectors.der(certificate)]))
    }

    @Test(arguments: [#"{"domains": %, "settings": {}}"#, "%"])
    func isInForce(_ form: String) async {
      let domains = json(["a.test": ["publicKeyHashes": [leaf, wrongPin]]])
      #expect(load(form.replacingOccurrences(of: "%", with: domains)) == nil)
      #expect(await handshake("leaf") == .goOn)
      #expect(await handshake("root") == .stop)
      #expect(await handshake("root", host: "b.test") == .goOn)
    }

    @Test func anAppThatLeavesOutWhatIsEmbeddedIsToldSo() {
      #expect(load(json(["a.test": ["publicKeyHashes": [wrongPin, leaf]]])) == nil)
      let events = Events()
      _ = Configuration.initialize("{}")
      #expect(events.reasons == ["pins-dropped"])
    }

    @Test func isReplacedByWhatTheAppSets() async {
      #expect(load(json(["a.test": ["publicKeyHashes": [wrongPin, leaf]]])) == nil)
      pin(["b.test": wrongPin])
      #expect(await handshake("root") == .goOn)
      #expect(await handshake("root", host: "b.test") == .stop)
    }

    @Test(arguments: ["", "{", "[]", #"{"a.test": {"publicKeyHashes": []}}"#, #"{"https://a.test": {}}"#])
    func thatIsNotValidStopsEveryHostUntilTheAppSetsAnother(_ document: String) async {
      #expect(load(document)?.contains("ssl-pinning.json is not valid") == true)
      #expect(await handshake("leaf") == .stop)
      #expect(await handshake("leaf", host: "b.test") == .stop)
      guard case .unverified = TaskJudge(stack: "test").answered(by: URL(string: "https://c.test/"), isTaken: false) else {
        Issue.record("a host that has made no handshake is let through")
        return
      }
      #expect(object(Configuration.initialize("{"))["ok"] as? Bool == false)
      #expect(await handshake("leaf") == .stop, "an attempt that fails changes nothing")
      pin(["a.test": leaf])
      #expect(await handshake("leaf") == .goOn)
      #expect(await handshake("leaf", host: "b.test") == .goOn)
    }

    @Test func thatCannotBeReadStopsEveryHost() async {
      #expect(EmbeddedConfiguration.load(from: file)?.contains("cannot be read") == true)
      #expect(await handshake("leaf") == .stop)
      Configuration.disable()
      #expect(await handshake("leaf") == .goOn)
    }

    @Test func thatIsNotThereIsNothing() async {
      #expect(EmbeddedConfiguration.load(from: .main) == nil)
      #expect(await handshake("root") == .goOn)
    }
  }

  /// The configuration as the app changes it, and what it hears.
  @Suite struct ConfigurationTests {
    init() { startAnew() }

    @Test func aRefusedOneLeavesWhatIsInForceAndNamesAllProblems() {
      pin(["a.test": leaf])
      let answer = object(Configuration.initialize(#"{"a.test": {"publicKeyHashes": ["x"], "y": 1}, "": {}}"#))
      #expect(answer["ok"] as? Bool == false)
      #expect((answer["problems"] as! [Any]).count > 2)
      #expect(Judge.isPinned("a.test"))
    }

    @Test func statusSaysWhatIsPinnedAndCounts() async {
      pin(["a.test": leaf])
      _ = await TaskJudge(stack: "test").challenged(by: pinned, trust: Shown([Vectors.der("root")]))
      let status = object(Judge.status)
      #expect((status["domains"] as! [[String: Any]]).map { $0["domain"] as! String } == ["a.test"])
      #expect((status["counters"] as! [String: Any])["blocked"] as! Int > 0)
    }

    @Test func eventsWaitForTheFirstListener() async {
      pin(["a.test": leaf])
      for _ in 0..<40 {
        _ = await TaskJudge(stack: "test").challenged(by: pinned, trust: Shown([Vectors.der("root")]))
      }
      #expect(Events().reasons == Array(repeating: "no-pin-matched", count: 32))
      #expect(Events().reasons == [], "once")
    }

    @Test func aPanicIsARefusalForAPinnedHostAndNothingForAnother() async {
      pin(["a.test": leaf])
      let events = Events()
      let right = Shown([Vectors.der("leaf")])
      PinningEngine.shared().testingPanicInNextCall()
      _ = Judge.generation
      PinningEngine.shared().testingPanicInNextCall()
      #expect(Judge.check("a.test", chain: right.chain, stack: "test")?.reason == "internal-error")
      PinningEngine.shared().testingPanicInNextCall()
      #expect(Judge.check("b.test", chain: right.chain, stack: "test") == nil)
      #expect(events.reasons == ["internal-error"])
      #expect(await TaskJudge(stack: "test").challenged(by: pinned, trust: right) == .goOn)
    }

    @Test func expiredPinsAreOffAtMidnight() async {
      let expiring: [String: Any] = ["publicKeyHashes": [wrongPin, leaf], "expirationDate": "2030-01-02"]
      _ = Configuration.initialize(json(["a.test": expiring]))
      let midnight: Int64 = 1_893_542_400_000
      PinningEngine.shared().testingSetNow(nowMs: midnight - 1)
      #expect(await TaskJudge(stack: "test").challenged(by: pinned, trust: Shown([Vectors.der("root")])) == .stop)
      PinningEngine.shared().testingSetNow(nowMs: midnight)
      #expect(await TaskJudge(stack: "test").challenged(by: pinned, trust: Shown([Vectors.der("root")])) == .goOn)
    }
  }

  /// Threads. Also run under the thread sanitizer.
  @Suite struct RacesTests {
    init() { startAnew() }

    @Test func sixtyFourTasksAreJudgedWhileConfigurationsSwap() async {
      pin(["a.test": leaf, "c.test": leaf])
      let answers = await withTaskGroup(of: [Bool].self) { group in
        for index in 0..<64 {
          group.addTask {
            var right: [Bool] = []
            for round in 0..<50 {
              if index % 16 == 0 {
                // What is the same in all of them must never be seen otherwise.
                pin(["a.test": leaf, round % 2 == 0 ? "c.test" : "d.test": leaf])
              }
              let judge = TaskJudge(stack: "test")
              LiveTasks.shared.add(judge) {}
              let answer = await judge.challenged(by: pinned, trust: Shown([Vectors.der("leaf")]))
              let wrong = await TaskJudge(stack: "test").challenged(by: pinned, trust: Shown([Vectors.der("root")]))
              LiveTasks.shared.remove(judge)
              right.append(answer == .goOn && wrong == .stop)
            }
            return right
          }
        }
        return await group.reduce(into: []) { $0 += $1 }
      }
      #expect(answers.count == 64 * 50)
      #expect(answers.allSatisfy { $0 })
      #expect(LiveTasks.shared.count == 0)
    }

    @Test func carriersAreRetiredOnceWhoeverEndsFirst() async {
      let made = Locked<[ScriptedCarrier]>([])
      let generations = Generations {
        let carrier = ScriptedCarrier()
        made.with { $0.append(carrier) }
        return carrier
      }
      await withTaskGroup(of: Void.self) { group in
        for index in 0..<64 {
          group.addTask {
            for round in 0..<20 {
              if index % 16 == 0 { pin(["h\(index)-\(round).test": leaf]) }
              let app = App()
              let request = URLRequest(url: URL(string: "https://x.test/")!)
              let load = PinnedLoad(request, stack: "test", carriers: generations, client: app)
              load.start()
              if round % 3 == 0 { load.cancel() }
              load.completed(nil)
            }
          }
        }
      }
      #expect(generations.count == 1)
      generations.invalidate()
      #expect(made.with { $0 }.allSatisfy { $0.timesRetired == 1 })
    }
  }
}
