import Foundation
import Testing

@testable import SpkiPinning

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

private let testbed = Testbed.shared

/// A folder and an engine that trusts the testbed, for the process: it is started once.
private let folder: URL = {
  let support = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
  let roots = testbed.roots
  let platform = EnginePlatform { host, sent in
    isTrusting.with { $0 } ? PinningEngine.shared().testingValidate(host: host, sent: sent, roots: roots) : nil
  }
  #expect(Judge.start(Surroundings(of: .main, in: support), platform: platform))
  return support.appendingPathComponent("spki-pinning")
}()

private let isTrusting = Locked(true)
private let version = Locked(0)

extension AllTests {
  /// Signed pins and `verifySslPinning`, over the engine's own connections and by the platform's trust.
  @Suite struct UpdatesTests {
    private let server = testbed["leaf"]

    init() {
      startAnew()
      _ = folder
    }

    /// What an earlier test has stored is in force first, as in an app.
    private func initialize(_ domains: [String: Any], from host: String = "localhost") {
      let updates: [String: Any] = [
        "url": "https://\(host):\(server.port)/published/pins.jwt", "publicKeys": [testbed.manifestKey],
      ]
      let answer = Configuration.initialize(json(["domains": domains, "settings": ["updates": updates]]))
      #expect(Answer(answer)?.ok == true, "\(answer)")
    }

    private func publish(_ domains: [String: Any], signed: Bool = true) async throws {
      let now = Int(Date().timeIntervalSince1970)
      let next = version.with { version in
        version += 1
        return version
      }
      let claims: [String: Any] = ["iat": now, "exp": now + 86_400, "version": next, "domains": domains]
      try await testbed.control("publish?name=pins.jwt\(signed ? "&sign=true" : "")", json(claims))
    }

    private func pins(_ pins: String...) -> [String: Any] { ["publicKeyHashes": pins] }

    @Test func pinsThatAreFetchedAreInForceAndStored() async throws {
      try await publish(["a.test": pins(server.pins.leaf!, wrongPin), "b.test": pins(wrongPin)])
      initialize(["a.test": pins(wrongPin)])
      let events = Events()
      let answer = object(Judge.update())
      #expect(answer["ok"] as? Bool == true, "\(answer)")
      #expect(Judge.isPinned("b.test"))
      #expect(Judge.allows("a.test", chain: [certificates(inPem: server.chainFile!)[0]]))
      #expect(events.reasons.contains("update-applied") || answer["outcome"] as? String == "up-to-date")
      #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent("updates.json").path))
      let domains = object(Judge.status)["domains"] as! [[String: Any]]
      #expect(domains.map { $0["source"] as? String } == ["update", "update"])
    }

    @Test func whatIsUnderWayIsCutWhenItsPinsAreTakenAwayFromAfar() async throws {
      let leaf = certificates(inPem: server.chainFile!)[0]
      try await publish(["a.test": pins(server.pins.leaf!, wrongPin)])
      initialize(["a.test": pins(server.pins.leaf!)])
      _ = Judge.update()
      let judge = TaskJudge(stack: "test")
      #expect(await judge.challenged(by: Origin(host: "a.test", port: 443), trust: Shown([leaf])) == .goOn)
      let isCut = Locked(false)
      LiveTasks.shared.add(judge) { isCut.with { $0 = true } }
      defer { LiveTasks.shared.remove(judge) }
      try await publish(["a.test": pins(wrongPin)])
      #expect(object(Judge.update())["ok"] as? Bool == true)
      #expect(isCut.with { $0 })
    }

    @Test func whatIsNotSignedIsRefused() async throws {
      initialize(["a.test": pins(wrongPin)])
      try await publish(["a.test": pins(server.pins.leaf!)], signed: false)
      let error = object(Judge.update())["error"] as! [String: Any]
      #expect(error["code"] as? String == "manifest-not-jws")
    }

    @Test func aServerThatThePlatformDoesNotTrustServesNoPins() {
      isTrusting.with { $0 = false }
      defer { isTrusting.with { $0 = true } }
      initialize(["a.test": pins(wrongPin)], from: "127.0.0.1")  // where there is no connection from before
      let error = object(Judge.update())["error"] as! [String: Any]
      #expect(error["code"] as? String == "update-unreachable")
    }

    @Test func aHostIsVerifiedByAHandshakeOfTheEngine() {
      for (pin, reason) in [(server.pins.leaf!, "pin-matched"), (wrongPin, "no-pin-matched")] {
        initialize(["localhost": pins(pin)])
        let verified = object(Judge.verify("localhost", port: UInt16(server.port)))
        #expect(verified["ok"] as? Bool == (reason == "pin-matched"))
        #expect((verified["verdict"] as! [String: Any])["reason"] as? String == reason)
      }
      let other = object(Judge.verify("localhost", port: UInt16(testbed["http1"].port)))
      #expect(((other["error"] as! [String: Any])["code"] as! String).hasPrefix("certificate-"))
    }

    @Test func whichStackBringsConnectionsToAHostIsNoted() async {
      let leaf = certificates(inPem: server.chainFile!)[0]
      initialize(["w.test": pins(server.pins.leaf!)])  // of which no manifest of the other tests speaks
      Judge.watch("w.test")
      #expect(Judge.watched == "[]")
      Judge.watch("w.test")
      _ = await TaskJudge(stack: "fetch").challenged(by: Origin(host: "w.test", port: 443), trust: Shown([leaf]))
      // Over the connection of the first one, with no challenge of its own.
      _ = TaskJudge(stack: "image").answered(by: URL(string: "https://w.test/"), isTaken: false)
      let seen = try! JSONSerialization.jsonObject(with: Data(Judge.watched.utf8)) as! [[String: String]]
      #expect(seen.map { $0["stack"] } == ["fetch", ""], "one judged again has been counted before")
      #expect(seen.allSatisfy { $0["verdict"] == "allowed" })
      Judge.tell(stack: "fetch", hooked: true)
      #expect((object(Judge.status)["stacks"] as! [[String: Any]]).contains { $0["stack"] as? String == "fetch" })
    }
  }
}
