import Foundation

/// Of each server the chain that was last validated in a full handshake, pinned or not.
///
/// The TLS stack resumes sessions, and shares connections, without another challenge; its cache of sessions belongs to the
/// whole process and cannot be emptied. What such a connection is judged by is the chain of the handshake that it goes
/// back to.
final class ValidatedChains: Sendable {
  static let shared = ValidatedChains()

  /// Servers that are remembered. One that was forgotten counts as one that nobody has seen: it is asked again.
  private let capacity: Int
  private let entries = Locked(Entries())

  private struct Entries {
    var chains: [Origin: (chain: [Data], used: UInt64)] = [:]
    var clock: UInt64 = 0

    mutating func tick() -> UInt64 {
      clock += 1
      return clock
    }
  }

  init(capacity: Int = 512) {
    self.capacity = capacity
  }

  subscript(origin: Origin) -> [Data]? {
    entries.with { entries in
      guard let entry = entries.chains[origin] else { return nil }
      entries.chains[origin] = (entry.chain, entries.tick())
      return entry.chain
    }
  }

  func record(_ chain: [Data], of origin: Origin) {
    entries.with { entries in
      entries.chains[origin] = (chain, entries.tick())
      guard entries.chains.count > capacity else { return }
      if let oldest = entries.chains.min(by: { $0.value.used < $1.value.used }) {
        entries.chains[oldest.key] = nil
      }
    }
  }

  func forgetAll() {
    entries.with { $0.chains.removeAll() }
  }
}
