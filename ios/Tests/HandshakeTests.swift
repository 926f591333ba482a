import Foundation
import Testing

@testable import SpkiPinning

extension AllTests {
  /// Every server of the testbed, with its certificates validated by the Rust code, before a task's judge.
  @Suite struct HandshakeTests {
    let events: Events

    init() {
      startAnew()
      events = Events()
    }

    static let valid = Testbed.shared.hosts.filter { $0.value.valid && $0.value.pins.leaf != nil }.keys.sorted()
    /// Those whose certificates no platform accepts.
    static let invalid = Testbed.shared.hosts.filter { !$0.value.valid }.keys.sorted()
    /// Those that pass for another server, whose own pins they do not have.
    static let deceitful = ["impostor", "same-name-ca"]

    private func judge(_ name: String, _ trust: (any ServerTrust)?) async -> (TaskJudge.ChallengeAnswer, TaskJudge) {
      let judge = TaskJudge(stack: "test")
      let host = Testbed.shared[name]
      return (await judge.challenged(by: Origin(host.url())!, trust: trust), judge)
    }

    @Test func theTestbedHasServersOfEachKind() {
      #expect(Self.valid.count > 15 && Self.invalid.count > 3, "\(Self.valid) \(Self.invalid)")
    }

    @Test(arguments: valid)
    func goesOnWithThePinOfEachKeyOfThePath(_ name: String) async {
      let host = Testbed.shared[name]
      for pins in host.pins.all {
        pin([host.host: pins])
        let (answer, judge) = await judge(name, Testbed.shared.trust(name))
        #expect(answer == .goOn, "\(pins)")
        #expect(judge.refusal == nil)
        guard case .trusted = judge.answered(by: host.url(), isTaken: false) else {
          Issue.record("\(name) is not trusted after its handshake")
          continue
        }
      }
      #expect(events.reasons == [])
    }

    @Test(arguments: valid)
    func stopsWithAnotherPinAndSaysWhy(_ name: String) async throws {
      let host = Testbed.shared[name]
      pin([host.host: wrongPin])
      let (answer, judge) = await judge(name, Testbed.shared.trust(name))
      #expect(answer == .stop)
      let refusal = try #require(judge.refusal)
      #expect(refusal.reason == "no-pin-matched")
      #expect(refusal.serverHostname == host.host)
      #expect(refusal.message.contains(wrongPin) && refusal.message.contains(host.pins.leaf!), "\(refusal.message)")
      #expect(events.reasons == ["no-pin-matched"])
      #expect(events.hosts == [host.host])
    }

    @Test(arguments: invalid)
    func leavesAnInvalidChainToThePlatformAndRefusesTheAnswerShouldThatGoOn(_ name: String) async {
      let host = Testbed.shared[name]
      pin([host.host: host.servedPins[0]])
      let (answer, judge) = await judge(name, Testbed.shared.trust(name))
      #expect(answer == .failByPlatform)
      #expect(events.reasons == [], "the platform's error says it all")
      guard case .refused(let refusal) = judge.answered(by: host.url(), isTaken: false) else {
        Issue.record("\(name) is trusted")
        return
      }
      #expect(refusal.reason == "chain-not-validated")
      #expect(ValidatedChains.shared[Origin(host.url())!] == nil)
    }

    @Test func anUnrelatedPinnedCertificateInTheChainDoesNotHelp() async {
      let host = Testbed.shared["appended"]
      let onPath = Set(host.pins.all)
      let appended = host.servedPins.filter { pin in !onPath.contains(pin) }
      #expect(!appended.isEmpty)
      let unrelated = Testbed.shared["leaf"].pins.intermediate!
      for pins in Set(appended + [unrelated]) where !onPath.contains(pins) {
        pin([host.host: pins])
        #expect(await judge("appended", Testbed.shared.trust("appended")).0 == .stop)
      }
    }

    @Test(arguments: deceitful)
    func whoPassesForAnotherIsStopped(_ name: String) async {
      let genuine = Testbed.shared["leaf"]
      for pins in [genuine.pins.leaf!, genuine.pins.intermediate!] {
        pin([genuine.host: pins])
        let answer = await judge(name, Testbed.shared.trust(name)).0
        #expect(answer == .stop, "\(name) with \(pins)")
      }
    }

    @Test func anIssuerThatOnlyARogueRootVouchesForIsStopped() async {
      let genuine = Testbed.shared["leaf"]
      pin([genuine.host: genuine.pins.intermediate!])
      let trust = Testbed.shared.trust("rogue-issuer", roots: Testbed.shared.rogueRoots)
      let (answer, judge) = await judge("rogue-issuer", trust)
      if answer == .stop { return }
      guard case .refused = judge.answered(by: genuine.url(), isTaken: false) else {
        Issue.record("the rogue is trusted")
        return
      }
    }

    @Test(arguments: valid + invalid)
    func aHostThatIsNotPinnedIsLeftAlone(_ name: String) async {
      pin(["elsewhere.test": wrongPin])
      let (answer, judge) = await judge(name, Testbed.shared.trust(name))
      #expect(answer == .goOn)
      guard case .trusted = judge.answered(by: Testbed.shared[name].url(), isTaken: true) else {
        Issue.record("\(name) is not left alone")
        return
      }
      #expect(events.reasons == [])
    }
  }

  /// What no server should send, and no platform should hand over.
  @Suite struct BadInputTests {
    let events: Events
    private let pinned = Origin(host: "a.test", port: 443)
    private let free = Origin(host: "b.test", port: 443)

    init() {
      startAnew()
      events = Events()
      pin(["a.test": Vectors.certificates["leaf"]!["pin"]!])
    }

    static let chains: [String: [Data]] = [
      "no certificate": [],
      "an empty one": [Data()],
      "no DER": [Data("no certificate".utf8)],
      "one of 1 MB": [Data(repeating: 0x30, count: 1 << 20)],
      "100 of them": Array(repeating: Vectors.der("leaf"), count: 100),
      "a pinned one behind rubbish": [Data("rubbish".utf8), Vectors.der("leaf")],
    ]

    @Test(arguments: chains.keys.sorted())
    func stopsThePinnedHostAndLeavesTheOtherAlone(_ name: String) async {
      let trust = Shown(Self.chains[name]!)
      #expect(await TaskJudge(stack: "test").challenged(by: pinned, trust: trust) == .stop)
      #expect(events.reasons.count == 1)
      #expect(await TaskJudge(stack: "test").challenged(by: free, trust: trust) == .goOn)
      #expect(events.reasons.count == 1)
    }

    @Test func aChallengeWithoutCertificatesToAskAbout() async {
      #expect(await TaskJudge(stack: "test").challenged(by: pinned, trust: nil) == .stop)
      #expect(await TaskJudge(stack: "test").challenged(by: free, trust: nil) == .goOn)
      #expect(events.reasons == ["chain-not-validated"])
    }

    @Test func aHostWithoutAName() async {
      let nobody = Origin(host: "", port: 443)
      #expect(await TaskJudge(stack: "test").challenged(by: nobody, trust: Shown([Vectors.der("leaf")])) == .stop)
      Configuration.disable()
      #expect(await TaskJudge(stack: "test").challenged(by: nobody, trust: Shown([Vectors.der("leaf")])) == .goOn)
    }

    @Test func aChainThatIsAnotherOneOnceItIsCopied() async {
      var changed = Shown([Vectors.der("leaf")])
      changed.first = Vectors.der("root")
      let judge = TaskJudge(stack: "test")
      #expect(await judge.challenged(by: pinned, trust: changed) == .stop)
      #expect(judge.refusal?.reason == "chain-not-validated")
      #expect(ValidatedChains.shared[pinned] == nil)
    }

    @Test func aChallengeOfAnotherHostDoesNotSpeakForTheTasksOwn() async {
      pin(["a.test": Vectors.certificates["leaf"]!["pin"]!, "c.test": wrongPin])
      let judge = TaskJudge(stack: "test")
      #expect(await judge.challenged(by: free, trust: Shown([Vectors.der("leaf")])) == .goOn)
      guard case .unverified("a.test") = judge.answered(by: URL(string: "https://a.test/"), isTaken: false) else {
        Issue.record("the certificates of b.test count for a.test")
        return
      }
      // Another pinned host's, with the wrong key, ends the task whoever it is for.
      #expect(await judge.challenged(by: Origin(host: "c.test", port: 443), trust: Shown([Vectors.der("leaf")])) == .stop)
    }

    @Test func anotherPortIsAnotherServer() async {
      let judge = TaskJudge(stack: "test")
      #expect(await judge.challenged(by: pinned, trust: Shown([Vectors.der("leaf")])) == .goOn)
      guard case .unverified = judge.answered(by: URL(string: "https://a.test:8443/"), isTaken: false) else {
        Issue.record("one port speaks for another")
        return
      }
    }

    @Test(arguments: ["https://A.Test/", "https://a.test./x", "https://a.test:443/"])
    func oneHostInOtherSpellingsIsOneServer(_ url: String) async {
      let judge = TaskJudge(stack: "test")
      #expect(await judge.challenged(by: pinned, trust: Shown([Vectors.der("leaf")])) == .goOn)
      guard case .trusted = judge.answered(by: URL(string: url), isTaken: false) else {
        Issue.record("\(url) is another server")
        return
      }
    }

    @Test func withoutTlsThereIsNothingToJudge() {
      guard case .trusted = TaskJudge(stack: "test").answered(by: URL(string: "http://a.test/"), isTaken: false) else {
        Issue.record("http: is judged")
        return
      }
    }
  }
}
