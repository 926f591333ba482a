import Foundation

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// One request of the app, and what becomes of its answer.
final class Exchange: Sendable {
  let request: URLRequest
  let judge: TaskJudge
  private let isFresh: Bool

  enum Step: Sendable {
    /// The answer is the app's.
    case deliver
    /// It came out of the cache. What the app gets is the cache's own copy, so that nobody can pass for it.
    case deliverCached(CachedURLResponse)
    /// Ask again, by a session of its own that takes nothing from the cache and lets no other library in.
    case askAfresh
    case fail(SslPinningError)
  }

  /// `isFresh`: it is asked afresh already.
  init(_ request: URLRequest, stack: String, isFresh: Bool) {
    self.request = request
    self.judge = TaskJudge(stack: stack)
    self.isFresh = isFresh
  }

  /// Who has answered, be it with a redirect or for good. `cached`: what the session's cache holds for the request.
  func answered(by response: URLResponse, isTaken: Bool, cached: () -> CachedURLResponse?) -> Step {
    switch judge.answered(by: response.url ?? request.url, isTaken: isTaken) {
    case .trusted:
      return .deliver
    case .refused(let refusal):
      return fail(refusal)
    case .unverified(let host):
      if !isFresh, let cached = cached(), cached.isAnswer(response) { return .deliverCached(cached) }
      if !isFresh, canBeRepeated { return .askAfresh }
      return fail(Judge.unverified(host, stack: judge.stack))
    }
  }

  /// The error for the app, when its task has ended with this one.
  func error(for error: (any Error)?) -> (any Error)? {
    judge.refusal ?? error
  }

  private func fail(_ refusal: SslPinningError) -> Step {
    judge.stop(for: refusal)
    return .fail(refusal)
  }

  /// Without being done twice: the first time may have arrived.
  private var canBeRepeated: Bool {
    ["GET", "HEAD"].contains(request.httpMethod ?? "GET") && request.httpBody == nil && request.httpBodyStream == nil
  }
}

extension CachedURLResponse {
  /// Whether this is what the session has answered with.
  fileprivate func isAnswer(_ answer: URLResponse) -> Bool {
    guard let kept = response as? HTTPURLResponse, let answer = answer as? HTTPURLResponse else { return false }
    return kept.url == answer.url && kept.statusCode == answer.statusCode
      && kept.headers == answer.headers
  }
}

extension HTTPURLResponse {
  fileprivate var headers: [String: String] {
    Dictionary(allHeaderFields.map { ("\($0.key)".lowercased(), "\($0.value)") }) { first, _ in first }
  }
}
