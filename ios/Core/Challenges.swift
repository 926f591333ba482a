import Foundation

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// How a session is told what becomes of a challenge.
public typealias ChallengeCompletion = @Sendable (URLSession.AuthChallengeDisposition, URLCredential?) -> Void

/// As if nobody had been asked.
let byDefault: @Sendable (@escaping ChallengeCompletion) -> Void = { $0(.performDefaultHandling, nil) }

/// Answers a challenge: one for a server's certificates by its pins, every other one as `others` do, whom a session would have
/// asked. They are asked about a server's certificates too, where nothing is against them.
func answer(
  _ challenge: URLAuthenticationChallenge,
  by judge: @escaping @Sendable (Origin, (any ServerTrust)?) async -> TaskJudge.ChallengeAnswer,
  orAs others: @escaping @Sendable (@escaping ChallengeCompletion) -> Void,
  _ completionHandler: @escaping ChallengeCompletion
) {
  guard let (origin, trust) = serverTrust(of: challenge) else { return others(completionHandler) }
  Task.detached {
    apply(await judge(origin, trust), orAs: others, completionHandler)
  }
}

func apply(
  _ answer: TaskJudge.ChallengeAnswer,
  orAs others: (@escaping ChallengeCompletion) -> Void,
  _ completionHandler: @escaping ChallengeCompletion
) {
  switch answer {
  case .goOn: others(completionHandler)
  case .failByPlatform: completionHandler(.performDefaultHandling, nil)
  case .stop: completionHandler(.cancelAuthenticationChallenge, nil)
  }
}

#if !canImport(Security)
  /// Linux: there are no such challenges. Foundation there leaves certificates to curl.
  func serverTrust(of challenge: URLAuthenticationChallenge) -> (Origin, (any ServerTrust)?)? { nil }
#endif
