import Foundation
import Testing

@testable import SpkiPinning

extension AllTests {
  /// The shared vectors, through the judge that every handshake of iOS goes through. `hosts.json` and `pins.json` ask
  /// questions that this bridge does not have on their own; they are asked as parts of a configuration.
  @Suite struct VectorsTests {
    private let engine = PinningEngine.shared()

    init() { startAnew() }

    /// A case, as a test shows it.
    struct Case: CustomTestStringConvertible, @unchecked Sendable {
      let file: String
      let members: [String: Any]
      let shared: [String: Any]

      subscript(_ member: String) -> Any? { members[member] ?? shared[member] }

      var testDescription: String { "\(file).json: \(members["name"]!) (\(members["why"]!))" }
    }

    static func cases(_ files: String...) -> [Case] {
      let pin = try! Regex(#"\$([a-z0-9-]+)(?=["'])"#, as: (Substring, Substring).self)
      return files.flatMap { name in
        let documents = !["hosts", "pins"].contains(name)
        let text = Vectors.text(name)
        let whole = documents ? text.replacing(pin) { Vectors.certificates[String($0.1)]!["pin"]! } : text
        let shared = object(whole)
        return (shared["cases"] as! [[String: Any]]).map { Case(file: name, members: $0, shared: shared) }
      }
    }

    @Test func everyCertificateHasItsPinAndNoneThatIsBrokenHasOne() {
      pin(["x.test": wrongPin])
      let pins = { (id: String) in Judge.check("x.test", chain: [Vectors.der(id)], stack: "test")!.servedPins }
      for (id, certificate) in Vectors.certificates { #expect(pins(id) == [certificate["pin"]!], "\(id)") }
      for id in Vectors.broken.keys { #expect(pins(id) == [], "\(id)") }
      #expect(!Vectors.certificates.isEmpty && !Vectors.broken.isEmpty)
    }

    @Test(arguments: cases("options", "matching", "expiry", "overlap", "verdicts"))
    func document(_ vector: Case) throws {
      let document = vector["document"]!
      let text = (document as? String)?.replacing("'", with: "\"") ?? json(document)
      engine.testingSetNow(nowMs: milliseconds(vector["now"] as! String))
      defer { engine.testingSetNow(nowMs: nil) }
      let answer = object(Judge.initialize(text))
      if let problems = vector["problems"] as? [[String: Any]] { compare(problems, answer) }

      guard let expected = vector.members["expected"] as? [String: Any] else { return }
      try #require(answer["ok"] as? Bool == true, "\(answer)")
      let host = vector["host"] as? String
      let chain = (vector["chain"] as! [String]).map(Vectors.der)
      let verdict = object(engine.verdict(host: host, chain: chain, validated: true))
      for (member, value) in expected { #expect(same(verdict[member], value), "\(member): \(verdict)") }

      // The ways of a connection: the C function, which has no verdict to show, and uniffi.
      let blocked = verdict["verdict"] as! String == "blocked"
      let refusal = Judge.check(host ?? "", chain: chain, stack: "test")
      #expect((refusal != nil) == blocked)
      #expect((engine.check(host: host, chain: chain, validated: true, stack: "test") != nil) == blocked)
      if let refusal { #expect(refusal.reason == verdict["reason"] as! String) }
      if host == nil || !blocked { return }
      #expect(Set(refusal!.servedPins) == Set(verdict["servedPins"] as! [String]))
    }

    @Test(arguments: cases("hosts"))
    func host(_ vector: Case) {
      let answer = object(Judge.initialize(json([vector["input"] as! String: ["publicKeyHashes": [wrongPin]]])))
      guard let host = vector["host"] as? String else {
        #expect(codes(answer).contains(vector["code"] as! String), "\(answer)")
        return
      }
      #expect(answer["ok"] as? Bool == true, "\(answer)")
      #expect(domain()["domain"] as? String == host)
    }

    @Test(arguments: cases("pins"))
    func pin(_ vector: Case) {
      engine.testingSetNow(nowMs: 0)
      defer { engine.testingSetNow(nowMs: nil) }
      let hashes = [vector["input"] as! String, Vectors.certificates["leaf"]!["pin"]!]
      let answer = object(Judge.initialize(json(["example.com": ["publicKeyHashes": hashes]])))
      #expect(codes(answer) == ["code", "warning"].compactMap { vector[$0] as? String }, "\(answer)")
      guard let pin = vector["pin"] as? String else { return }
      #expect((domain()["pins"] as! [String]).first == pin)
    }

    private func pin(_ pins: [String: String]) { SpkiPinningTests.pin(pins) }

    private func domain() -> [String: Any] { (object(Judge.status)["domains"] as! [[String: Any]])[0] }

    private func found(_ answer: [String: Any]) -> [[String: Any]] {
      answer[answer["ok"] as! Bool ? "warnings" : "problems"] as! [[String: Any]]
    }

    private func codes(_ answer: [String: Any]) -> [String] { found(answer).map { $0["code"] as! String } }

    private func compare(_ expected: [[String: Any]], _ answer: [String: Any]) {
      let problems = found(answer)
      for member in ["path", "code", "severity"] {
        #expect(problems.map { $0[member] as? String } == expected.map { $0[member] as? String })
      }
      for (problem, expected) in zip(problems, expected) {
        guard let part = expected["suggestion"] as? String else { continue }
        #expect((problem["suggestion"] as? String)?.contains(part) == true, "\(problem)")
      }
    }

    private func same(_ found: Any?, _ expected: Any) -> Bool {
      if expected is NSNull { return found == nil || found is NSNull }
      if let pins = expected as? [String] { return found as? [String] == pins }
      return found as? String == expected as? String
    }

    private func milliseconds(_ time: String) -> Int64 {
      let format = ISO8601DateFormatter()
      format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
      return Int64((format.date(from: time)!.timeIntervalSince1970 * 1000).rounded())
    }
  }
}
