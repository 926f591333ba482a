import Foundation

/// The tasks that are under way, so that those of which new pins do not allow the server can be stopped.
final class LiveTasks: Sendable {
  static let shared = LiveTasks()

  private struct Task {
    let judge: TaskJudge
    let cancel: @Sendable () -> Void
  }

  private let tasks = Locked<[ObjectIdentifier: Task]>([:])

  /// From now on `judge` is asked again after each change. `cancel` stops its task; it may be called from any thread.
  func add(_ judge: TaskJudge, cancel: @escaping @Sendable () -> Void) {
    tasks.with { $0[ObjectIdentifier(judge)] = Task(judge: judge, cancel: cancel) }
  }

  /// The task has ended.
  func remove(_ judge: TaskJudge) {
    tasks.with { $0[ObjectIdentifier(judge)] = nil }
  }

  var count: Int { tasks.with { $0.count } }

  /// Stops each task whose server is not allowed any more.
  func judgeAgain() {
    for task in tasks.with({ Array($0.values) }) {
      switch task.judge.judgeAgain() {
      case .trusted: continue
      case .refused(let refusal): task.judge.stop(for: refusal)
      case .unverified(let host): task.judge.stop(for: Judge.unverified(host, stack: task.judge.stack))
      }
      task.cancel()
    }
  }
}
