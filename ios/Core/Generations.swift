import Foundation

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// Keeps carriers of requests: for each configuration, one for each server that is pinned and one for all others.
///
/// Connections belong to their carrier. So under new pins there are none yet, and the first request of each server brings a
/// handshake; and no pinned host is reached over a connection that another host has opened.
final class Generations: @unchecked Sendable {
  private let make: @Sendable () -> any Carrier
  private let state = Locked(State())

  private struct State {
    /// By the pinned server that they are for; nil: the others.
    var current: [Origin?: Lease] = [:]
    var inUse: [ObjectIdentifier: Lease] = [:]
    var isOver = false
  }

  /// A carrier, and how many requests it carries.
  final class Lease: @unchecked Sendable {
    let carrier: any Carrier
    fileprivate let server: Origin?
    fileprivate let generation: UInt64?
    fileprivate var requests = 0  // under the lock of the generations

    fileprivate init(_ carrier: any Carrier, server: Origin?, generation: UInt64?) {
      self.carrier = carrier
      self.server = server
      self.generation = generation
    }
  }

  init(make: @escaping @Sendable () -> any Carrier) {
    self.make = make
  }

  /// The carrier for a request that starts now; nil after ``invalidate()``. To be given to ``end(_:)`` when it has ended.
  func begin(_ request: URLRequest) -> Lease? {
    let generation = Judge.generation
    let server = Origin(request.url).flatMap { Judge.isPinned($0.host) ? $0 : nil }
    let (lease, idle) = state.with { state -> (Lease?, [Lease]) in
      guard !state.isOver else { return (nil, []) }
      let old = state.current.filter { generation == nil || $0.value.generation != generation }
      for server in old.keys { state.current[server] = nil }
      let idle = old.values.filter { $0.requests == 0 }
      for lease in idle { state.inUse[ObjectIdentifier(lease)] = nil }
      let lease = state.current[server] ?? Lease(make(), server: server, generation: generation)
      lease.requests += 1
      state.current[server] = lease
      state.inUse[ObjectIdentifier(lease)] = lease
      return (lease, idle)
    }
    idle.forEach { $0.carrier.retire() }
    return lease
  }

  func end(_ lease: Lease) {
    let done = state.with { state -> Lease? in
      lease.requests -= 1
      guard lease.requests == 0, state.current[lease.server] !== lease else { return nil }
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
