import Foundation

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// Judges the tasks of a session that the app has made by itself. Nothing is asked again: who cannot be judged is refused.
final class SessionJudge: Sendable {
  private let stack: String
  private let judges = Locked<[Int: TaskJudge]>([:])

  init(stack: String) {
    self.stack = stack
  }

  func challenged(
    _ challenge: URLAuthenticationChallenge, of task: URLSessionTask,
    completionHandler: @escaping @Sendable (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
  ) {
    answer(challenge, by: judge(of: task).challenged, completionHandler)
  }

  /// Whether a redirect or an answer is the app's. If it is not, the session stops the task.
  func answered(by response: URLResponse, to task: URLSessionTask, isTaken: Bool) -> Bool {
    let judge = judge(of: task)
    switch judge.answered(by: response.url ?? task.currentRequest?.url, isTaken: isTaken) {
    case .trusted: return true
    case .refused(let refusal): judge.stop(for: refusal)
    case .unverified(let host): judge.stop(for: Judge.unverified(host, stack: stack))
    }
    return false
  }

  /// The error for the app, of a task that has ended with this one.
  func ended(_ task: URLSessionTask, error: (any Error)?) -> (any Error)? {
    guard let judge = judges.with({ $0.removeValue(forKey: task.taskIdentifier) }) else { return error }
    LiveTasks.shared.remove(judge)
    return judge.refusal ?? error
  }

  private func judge(of task: URLSessionTask) -> TaskJudge {
    let (judge, isNew) = judges.with { judges in
      if let known = judges[task.taskIdentifier] { return (known, false) }
      let judge = TaskJudge(stack: stack)
      judges[task.taskIdentifier] = judge
      return (judge, true)
    }
    if isNew { LiveTasks.shared.add(judge) { task.cancel() } }
    return judge
  }
}
