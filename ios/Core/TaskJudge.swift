import Foundation

/// Judges one task of a URLSession: by the challenges that it gets, and by who answers it.
///
/// A new connection brings a challenge, before a byte of the request leaves. A connection from the pool, a resumed session and
/// one that another host's connection is shared with bring none: then the answer is judged by the chain that the server
/// showed last, and refused if it has shown none.
final class TaskJudge: Sendable {
  /// Names the network stack in events.
  let stack: String
  private let isAtHome: @Sendable (Origin) -> Bool
  private let state = Locked(State())

  private struct State {
    /// What servers have shown to this task itself, once the platform has looked at it.
    var shown: [Origin: Shown] = [:]
    /// Whom the task deals with now, as far as is known: who has shown something last, or has answered.
    var current: (origin: Origin, isTaken: Bool)?
    /// What the task was stopped for.
    var refusal: SslPinningError?
  }

  private enum Shown {
    case valid([Data])
    case invalid
  }

  enum ChallengeAnswer: Sendable {
    /// The platform goes on as if nobody had been asked.
    case goOn
    /// The platform has found the certificates of a pinned server invalid, and its error says why. Nobody else is asked: who
    /// accepts them all the same would have the request sent.
    case failByPlatform
    case stop
  }

  enum Verdict: Sendable {
    case trusted
    case refused(SslPinningError)
    /// Nobody knows the keys of who has answered.
    case unverified(host: String)
  }

  /// `isAtHome`: whether a connection without a challenge, where the task's are, can only be one of that server's own, and not
  /// of another that it shares a connection with.
  init(stack: String, isAtHome: @escaping @Sendable (Origin) -> Bool = { _ in true }) {
    self.stack = stack
    self.isAtHome = isAtHome
  }

  /// What to tell the app in place of the error that comes of being stopped.
  var refusal: SslPinningError? { state.with { $0.refusal } }

  /// Takes a challenge for a server's certificates. `trust`: nil if there is none in it. While it is under way, nothing is
  /// known of it: its connection cannot have answered.
  func challenged(by origin: Origin, trust: (any ServerTrust)?) async -> ChallengeAnswer {
    guard let trust else { return refuse(origin) }
    let leaf = await trust.leaf()
    guard await trust.isValid() else {
      // Should the platform go on all the same, the answer is refused.
      note(.invalid, of: origin)
      return Judge.isPinned(origin.host) ? .failByPlatform : .goOn
    }
    return accept(trust.validatedChain(), leaf: leaf, of: origin)
  }

  /// Takes a handshake that is over, of a stack that asks on the spot. `chain`: nil if it is not valid.
  func handshake(with origin: Origin, leaf: Data?, chain: [Data]?) -> ChallengeAnswer {
    chain.map { accept($0, leaf: leaf, of: origin) } ?? refuse(origin)
  }

  /// Judges who has answered for good. `isTaken`: the request was not sent by the session itself, but by a `URLProtocol` in it,
  /// about whose connections the chains of others say nothing.
  func answered(by url: URL?, isTaken: Bool) -> Verdict {
    let origin = Origin(url)
    // First, so that pins that come from now on are for this answer too.
    state.with { $0.current = origin.map { ($0, isTaken) } }
    return origin.map { judge($0, isTaken: isTaken) } ?? .trusted
  }

  /// As ``answered(by:isTaken:)`` for a redirect, after which the task deals with somebody else.
  func redirected(by url: URL?, isTaken: Bool) -> Verdict {
    let verdict = answered(by: url, isTaken: isTaken)
    if case .trusted = verdict { state.with { $0.current = nil } }
    return verdict
  }

  /// Judges by the pins in force now whom the task deals with. Who has neither answered nor shown anything yet is judged when
  /// that happens.
  func judgeAgain() -> Verdict {
    guard let (origin, isTaken) = state.with({ $0.current }) else { return .trusted }
    return judge(origin, isTaken: isTaken)
  }

  /// The chain by which answers of this server are judged; nil if there is none.
  func chain(of origin: Origin, isTaken: Bool) -> [Data]? {
    switch state.with({ $0.shown[origin] }) {
    case .valid(let own): return own
    case .invalid: return nil
    case nil: return isTaken || !isAtHome(origin) ? nil : ValidatedChains.shared[origin]
    }
  }

  /// Remembers what the task is being stopped for; the first reason counts.
  func stop(for refusal: SslPinningError) {
    state.with { $0.refusal = $0.refusal ?? refusal }
  }

  private func accept(_ chain: [Data], leaf: Data?, of origin: Origin) -> ChallengeAnswer {
    // Another server's chain than the one that was asked about: somebody has changed it meanwhile.
    guard chain.first == leaf else { return refuse(origin) }
    note(.valid(chain), of: origin)
    guard let refusal = Judge.check(origin.host, chain: chain, stack: stack) else {
      ValidatedChains.shared.record(chain, of: origin)
      return .goOn
    }
    stop(for: refusal)
    return .stop
  }

  /// Refuses a server without a valid chain, if it is pinned.
  private func refuse(_ origin: Origin) -> ChallengeAnswer {
    note(.invalid, of: origin)
    guard let refusal = Judge.check(origin.host, chain: nil, stack: stack) else { return .goOn }
    stop(for: refusal)
    return .stop
  }

  private func note(_ shown: Shown, of origin: Origin) {
    state.with {
      $0.shown[origin] = shown
      $0.current = (origin, false)
    }
  }

  private func judge(_ origin: Origin, isTaken: Bool) -> Verdict {
    guard Judge.isPinned(origin.host) else { return .trusted }
    let isShown = state.with { $0.shown[origin] != nil }
    let chain = chain(of: origin, isTaken: isTaken)
    guard isShown || chain != nil else {
      return Judge.enforces(origin.host) ? .unverified(host: origin.host) : .trusted
    }
    // What is allowed was counted when it was shown; what is refused now is news.
    if let chain, Judge.allows(origin.host, chain: chain) { return .trusted }
    return Judge.check(origin.host, chain: chain, stack: stack).map(Verdict.refused) ?? .trusted
  }
}
