import Foundation

/// The configuration in force, as the app changes it.
enum Configuration {
  /// Takes a document into force, for the very next request; what is under way and not allowed by it is cut.
  ///
  /// Returns the engine's answer: `{"ok": true, …}`; or `{"ok": false, "problems"}`, and nothing has changed.
  static func initialize(_ document: String) -> String {
    let answer = Judge.initialize(document)
    if Answer(answer)?.ok == true { changed() }
    return answer
  }

  /// Pins nothing any more.
  static func disable() {
    Judge.disable()
    changed()
  }

  private static func changed() {
    EmbeddedConfiguration.isReplaced()
    LiveTasks.shared.judgeAgain()
  }
}
