import Foundation

/// Judges one task of a URLSession: by the challenges that it gets, and by who answers it.
///
/// A new connection brings a challenge, before a byte of the request leaves. A connection from the pool, a resumed session and
/// one that another host's connection is shared with bring none: then the answer is judged by the chain that the server
/// showed last, and refused if it has shown none.
final class TaskJudge: Sendable {
  /// Names the network stack in events.
  let stack: String
  private let state = Locked(State())

  private struct State {
    /// What servers have shown to this task itself.
    var shown: [Origin: Shown] = [:]
    /// Who has answered last.
    var answered: (origin: Origin, isTaken: Bool)?
    /// What the task was stopped for.
    var refusal: SslPinningError?
  }

  private enum Shown {
    /// Judged and allowed under that generation.
    case valid(chain: [Data], generation: UInt64?)
    case invalid
  }

  enum ChallengeAnswer: Sendable {
    /// The platform goes on as if nobody had been asked.
    case goOn
    case stop
  }

  enum Verdict: Sendable {
    case trusted
    case refused(SslPinningError)
    /// Nobody knows the keys of who has answered.
    case unverified(host: String)
  }

  init(stack: String) {
    self.stack = stack
  }

  /// What to tell the app in place of the error that comes of being stopped.
  var refusal: SslPinningError? { state.with { $0.refusal } }

  /// Takes a challenge for a server's certificates. `trust`: nil if there is none in it.
  func challenged(by origin: Origin, trust: (any ServerTrust)?) async -> ChallengeAnswer {
    state.with { $0.shown[origin] = .invalid }
    guard let trust else { return stopIfRefused(origin, chain: nil) }
    let leaf = await trust.leaf()
    // Not valid: going on ends in the platform's own error, which says why. Should it not, the answer is refused.
    guard await trust.isValid() else { return .goOn }
    return accept(trust.validatedChain(), leaf: leaf, of: origin)
  }

  /// Takes a handshake that is over, of a stack that asks on the spot. `chain`: nil if it is not valid.
  func handshake(with origin: Origin, leaf: Data?, chain: [Data]?) -> ChallengeAnswer {
    state.with {
      $0.shown[origin] = .invalid
      $0.answered = (origin, false)
    }
    guard let chain else { return stopIfRefused(origin, chain: nil) }
    return accept(chain, leaf: leaf, of: origin)
  }

  private func accept(_ chain: [Data], leaf: Data?, of origin: Origin) -> ChallengeAnswer {
    // Another server's chain than the one that was asked about: somebody has changed it meanwhile.
    guard chain.first == leaf else { return stopIfRefused(origin, chain: nil) }
    let generation = Judge.generation  // before the judgement, so that it is never remembered for a later one
    ValidatedChains.shared.record(chain, of: origin)
    let answer = stopIfRefused(origin, chain: chain)
    if case .goOn = answer { state.with { $0.shown[origin] = .valid(chain: chain, generation: generation) } }
    return answer
  }

  /// Judges who has answered, be it with a redirect or for good. `isTaken`: the request was not sent by the session itself, but
  /// by a `URLProtocol` in it, about whose connections the chains of others say nothing.
  func answered(by url: URL?, isTaken: Bool) -> Verdict {
    guard let origin = Origin(url) else { return .trusted }
    state.with { $0.answered = (origin, isTaken) }
    return judge(origin, isTaken: isTaken)
  }

  /// Judges by the pins in force now who has answered before.
  func judgeAgain() -> Verdict {
    guard let (origin, isTaken) = state.with({ $0.answered }) else { return .trusted }
    return judge(origin, isTaken: isTaken)
  }

  /// Remembers what the task is being stopped for; the first reason counts.
  func stop(for refusal: SslPinningError) {
    state.with { $0.refusal = $0.refusal ?? refusal }
  }

  private func stopIfRefused(_ origin: Origin, chain: [Data]?) -> ChallengeAnswer {
    guard let refusal = Judge.check(origin.host, chain: chain, stack: stack) else { return .goOn }
    stop(for: refusal)
    return .stop
  }

  private func judge(_ origin: Origin, isTaken: Bool) -> Verdict {
    guard Judge.isPinned(origin.host) else { return .trusted }
    let chain: [Data]?
    switch state.with({ $0.shown[origin] }) {
    case .valid(let own, let generation):
      // Allowed, counted and reported when it was shown; what is refused under other pins is news.
      if let generation, generation == Judge.generation { return .trusted }
      chain = own
    case .invalid:
      chain = nil
    case nil:
      guard !isTaken, let known = ValidatedChains.shared[origin] else {
        return Judge.enforces(origin.host) ? .unverified(host: origin.host) : .trusted
      }
      chain = known
    }
    return Judge.check(origin.host, chain: chain, stack: stack).map(Verdict.refused) ?? .trusted
  }
}
