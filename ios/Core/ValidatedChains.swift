import Foundation

/// Of each server the chain that was last validated in a full handshake and allowed, pinned or not.
///
/// The TLS stack resumes sessions, and shares connections, without another challenge; its cache of sessions belongs to the
/// whole process and cannot be emptied. What such a connection is judged by is the chain of the handshake that it goes
/// back to. A handshake that was refused is none of them: nothing goes back to that.
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
    let isFull = entries.with { entries in
      entries.chains[origin] = (chain, entries.tick())
      return entries.chains.count > capacity
    }
    if isFull { forgetSome() }
  }

  /// Makes room, for more than one. Pictures from many hosts must not push out the host that is pinned.
  private func forgetSome() {
    let byAge = entries.with { $0.chains.sorted { $0.value.used < $1.value.used }.map(\.key) }
    let free = byAge.lazy.filter { !Judge.isPinned($0.host) }
    let wanted = 1 + capacity / 8
    let leaving = Array(free.prefix(wanted))
    entries.with { entries in
      for origin in leaving.isEmpty ? Array(byAge.prefix(wanted)) : leaving { entries.chains[origin] = nil }
    }
  }

  func forgetAll() {
    entries.with { $0.chains.removeAll() }
  }
}
