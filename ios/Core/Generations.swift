import Foundation

/// Keeps one carrier of requests for each configuration. Connections belong to their carrier: so under new pins there are
/// none yet, and the first request of each server brings a handshake.
final class Generations: @unchecked Sendable {
  private let make: @Sendable () -> any Carrier
  private let state = Locked(State())

  private struct State {
    var current: Lease?
    var inUse: [ObjectIdentifier: Lease] = [:]
    var isOver = false
  }

  /// A carrier, and how many requests it carries.
  final class Lease: @unchecked Sendable {
    let carrier: any Carrier
    fileprivate let generation: UInt64?
    fileprivate var requests = 0  // under the lock of the generations

    fileprivate init(_ carrier: any Carrier, generation: UInt64?) {
      self.carrier = carrier
      self.generation = generation
    }
  }

  init(make: @escaping @Sendable () -> any Carrier) {
    self.make = make
  }

  /// The carrier for a request that starts now; nil after ``invalidate()``. To be given to ``end(_:)`` when it has ended.
  func begin() -> Lease? {
    let generation = Judge.generation
    let (lease, idle) = state.with { state -> (Lease?, Lease?) in
      guard !state.isOver else { return (nil, nil) }
      if let current = state.current, generation != nil, current.generation == generation {
        current.requests += 1
        return (current, nil)
      }
      let idle = state.current.flatMap { $0.requests == 0 ? state.inUse.removeValue(forKey: ObjectIdentifier($0)) : nil }
      let lease = Lease(make(), generation: generation)
      lease.requests = 1
      state.current = lease
      state.inUse[ObjectIdentifier(lease)] = lease
      return (lease, idle)
    }
    idle?.carrier.retire()
    return lease
  }

  func end(_ lease: Lease) {
    let done = state.with { state -> Lease? in
      lease.requests -= 1
      guard lease.requests == 0, state.current !== lease else { return nil }
      return state.inUse.removeValue(forKey: ObjectIdentifier(lease))
    }
    done?.carrier.retire()
  }

  /// The end of all of them, with what they carry.
  func invalidate() {
    let all = state.with { state in
      defer { state = State(isOver: true) }
      return Array(state.inUse.values)
    }
    all.forEach { $0.carrier.retire() }
  }

  /// Carriers that have not been retired.
  var count: Int { state.with { $0.inUse.count } }
}
