// What one check of a handshake costs Swift, through uniffi and through the C function: a line of JSON.
// `npm run bench` runs it; docs/benchmarks.md has results.
import Foundation

@testable import SpkiPinning

/// Checks in one round; a round is long against the clock's steps, and short against the scheduler's.
let checks = 2_000
let rounds = 60

let vectors = URL(fileURLWithPath: CommandLine.arguments[1])
let known = try JSONSerialization.jsonObject(with: Data(contentsOf: vectors)) as! [String: Any]
let certificates = known["certificates"] as! [String: [String: String]]
let chain = ["leaf", "intermediate", "root"].map { Data(base64Encoded: certificates[$0]!["der"]!)! }
let engine = PinningEngine.shared()

/// Nanoseconds of one call, for two of them side by side: of their rounds, which alternate, the median.
func compare(_ one: () -> Void, _ other: () -> Void) -> (Double, Double) {
  func measure(_ body: () -> Void) -> Double {
    let start = DispatchTime.now().uptimeNanoseconds
    for _ in 0..<checks { body() }
    return Double(DispatchTime.now().uptimeNanoseconds - start) / Double(checks)
  }
  let both = (0..<rounds).map { _ in (measure(one), measure(other)) }
  let median = { (times: [Double]) in times.sorted()[times.count / 2] }
  return (median(both.map(\.0)), median(both.map(\.1)))
}

var results: [[String: Any]] = []
for (position, id) in [("leaf", "leaf"), ("intermediate", "intermediate"), ("root", "root")] {
  let options = ["publicKeyHashes": [certificates[id]!["pin"]!, "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="]]
  let document = try JSONSerialization.data(withJSONObject: ["a.test": options])
  _ = engine.initialize(document: String(decoding: document, as: UTF8.self))
  let (uniffi, c) = compare(
    { precondition(engine.check(host: "a.test", chain: chain, validated: true, stack: "bench") == nil) },
    { precondition(Judge.check("a.test", chain: chain, stack: "bench") == nil) })
  results.append(["match": position, "uniffiNs": uniffi.rounded(), "cNs": c.rounded()])
}
print(String(decoding: try JSONSerialization.data(withJSONObject: results), as: UTF8.self))
