import Foundation

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// Answers a challenge: one for a server's certificates by its pins, every other one as if nobody had been asked.
func answer(
  _ challenge: URLAuthenticationChallenge,
  by judge: @escaping @Sendable (Origin, (any ServerTrust)?) async -> TaskJudge.ChallengeAnswer,
  _ completionHandler: @escaping @Sendable (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
) {
  guard let (origin, trust) = serverTrust(of: challenge) else { return completionHandler(.performDefaultHandling, nil) }
  Task.detached {
    switch await judge(origin, trust) {
    case .goOn: completionHandler(.performDefaultHandling, nil)
    case .stop: completionHandler(.cancelAuthenticationChallenge, nil)
    }
  }
}

#if !canImport(Security)
  /// Linux: there are no such challenges. Foundation there leaves certificates to curl.
  func serverTrust(of challenge: URLAuthenticationChallenge) -> (Origin, (any ServerTrust)?)? { nil }
#endif
