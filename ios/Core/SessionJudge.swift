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

  deinit {
    judges.with { Array($0.values) }.forEach(LiveTasks.shared.remove)
  }

  /// `others`: who would be asked if there were no pins.
  func challenged(
    _ challenge: URLAuthenticationChallenge, of task: URLSessionTask,
    orAs others: @escaping @Sendable (@escaping ChallengeCompletion) -> Void,
    completionHandler: @escaping ChallengeCompletion
  ) {
    answer(challenge, by: judge(of: task).challenged, orAs: others, completionHandler)
  }

  /// Whether an answer is the app's. If it is not, the session stops the task.
  func answered(by response: URLResponse, to task: URLSessionTask, isTaken: Bool) -> Bool {
    isTrusted(response, task, isTaken, judge(of: task).answered)
  }

  /// Whether a redirect goes on. If it does not, the session stops the task.
  func redirected(by response: URLResponse, to task: URLSessionTask, isTaken: Bool) -> Bool {
    isTrusted(response, task, isTaken, judge(of: task).redirected)
  }

  private func isTrusted(
    _ response: URLResponse, _ task: URLSessionTask, _ isTaken: Bool, _ ask: (URL?, Bool) -> TaskJudge.Verdict
  ) -> Bool {
    let asked = task.currentRequest?.url
    var verdict = ask(response.url ?? asked, isTaken)
    // Who takes a request over may say what it likes about who has answered.
    if isTaken, case .trusted = verdict { verdict = ask(asked, true) }
    let judge = judge(of: task)
    switch verdict {
    case .trusted: return true
    case .refused(let refusal): judge.stop(for: refusal)
    case .unverified(let host): judge.stop(for: Judge.unverified(host, stack: stack))
    }
    return false
  }

  /// The network is done with a task. Those with a completion handler say nothing more.
  func isDone(_ task: URLSessionTask) {
    let judge = judges.with { judges in
      let judge = judges[task.taskIdentifier]
      if judge?.refusal == nil { judges[task.taskIdentifier] = nil }
      return judge
    }
    judge.map(LiveTasks.shared.remove)
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
    if isNew { LiveTasks.shared.add(judge) { [weak task] in task?.cancel() } }
    return judge
  }
}
