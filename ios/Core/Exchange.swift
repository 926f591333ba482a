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
    // A carrier is for one pinned server (Generations). After a redirect the task is a guest among another one's connections.
    let home = Origin(request.url)
    self.judge = TaskJudge(stack: stack) { $0 == home }
    self.isFresh = isFresh
  }

  /// Who has answered for good. `asked`: what the session was asking when it did, after redirects. `cached`: what its cache
  /// holds for that.
  func answered(
    by response: URLResponse, to asked: URL? = nil, isTaken: Bool, cached: () -> CachedURLResponse?
  ) -> Step {
    if let cached = cachedAnswer(response, cached) { return give(cached, for: response) }
    return step(for: verdict(response, asked, isTaken, judge.answered))
  }

  /// Who has sent a redirect. `cached`: as for an answer. What a redirect leads to gets the request's headers, so that one of
  /// before the pins must not be followed.
  func redirected(
    by response: URLResponse, to asked: URL? = nil, isTaken: Bool, cached: () -> CachedURLResponse?
  ) -> Step {
    if let cached = cachedAnswer(response, cached), !isAllowed(cached, for: response), let step = instead(of: response) {
      return step
    }
    return step(for: verdict(response, asked, isTaken, judge.redirected))
  }

  /// An answer as the cache shall keep it: with the chain of the connection that it came over.
  func marked(_ answer: CachedURLResponse, isTaken: Bool) -> CachedURLResponse {
    var userInfo = answer.userInfo ?? [:]
    let chain = Origin(answer.response.url).flatMap { judge.chain(of: $0, isTaken: isTaken) }
    userInfo[Self.chainKey] = chain
    return CachedURLResponse(
      response: answer.response, data: answer.data, userInfo: userInfo, storagePolicy: answer.storagePolicy)
  }

  /// The error for the app, when its task has ended with this one.
  func error(for error: (any Error)?) -> (any Error)? {
    judge.refusal ?? error
  }

  private static let chainKey = "com.spkipinning.chain"

  private func verdict(
    _ response: URLResponse, _ asked: URL?, _ isTaken: Bool, _ judge: (URL?, Bool) -> TaskJudge.Verdict
  ) -> TaskJudge.Verdict {
    let named = judge(response.url ?? asked ?? request.url, isTaken)
    // Who takes a request over may say what it likes about who has answered.
    guard isTaken, case .trusted = named else { return named }
    return judge(asked ?? request.url, true)
  }

  private func step(for verdict: TaskJudge.Verdict) -> Step {
    switch verdict {
    case .trusted:
      return .deliver
    case .refused(let refusal):
      return fail(refusal)
    case .unverified(let host):
      return canBeRepeated ? .askAfresh : fail(Judge.unverified(host, stack: judge.stack))
    }
  }

  /// What the cache has, if that is what a pinned host is said to have answered.
  private func cachedAnswer(_ response: URLResponse, _ cached: () -> CachedURLResponse?) -> CachedURLResponse? {
    guard !isFresh, let origin = Origin(response.url), Judge.isPinned(origin.host) else { return nil }
    return cached().flatMap { $0.isAnswer(response) ? $0 : nil }
  }

  private func give(_ cached: CachedURLResponse, for response: URLResponse) -> Step {
    isAllowed(cached, for: response) ? .deliverCached(cached) : instead(of: response) ?? .deliver
  }

  /// What is done instead of taking out of the cache what the pins do not allow; nil if they are not enforced.
  private func instead(of response: URLResponse) -> Step? {
    if canBeRepeated { return .askAfresh }
    let host = Origin(response.url)?.host ?? ""
    return Judge.enforces(host) ? fail(Judge.unverified(host, stack: judge.stack)) : nil
  }

  /// An answer out of the cache is judged by the chain that it is marked with. One without a mark came before the pins, or by a
  /// session that nobody judges, or is a redirect: sessions do not let these be marked.
  private func isAllowed(_ cached: CachedURLResponse, for response: URLResponse) -> Bool {
    guard let chain = cached.userInfo?[Self.chainKey] as? [Data] else { return false }
    return Judge.allows(Origin(response.url)?.host ?? "", chain: chain)
  }

  private func fail(_ refusal: SslPinningError) -> Step {
    judge.stop(for: refusal)
    return .fail(refusal)
  }

  /// Without being done twice: the first time may have arrived.
  private var canBeRepeated: Bool {
    !isFresh && request.cachePolicy != .returnCacheDataDontLoad
      && ["GET", "HEAD"].contains(request.httpMethod ?? "GET")
      && request.httpBody == nil && request.httpBodyStream == nil
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
