import Foundation

/// What the engine asks of its platform, for connections of its own: signed pins, reports, `verifySslPinning`.
final class EnginePlatform: Platform {
  private let path: @Sendable (_ host: String, _ sent: [Data]) -> [Data]?

  /// `path`: the certificates that the platform finds valid for a host, of those that a server has sent; DER, leaf first.
  init(path: @escaping @Sendable (_ host: String, _ sent: [Data]) -> [Data]?) {
    self.path = path
  }

  func validatedPath(host: String, sent: [Data]) -> [Data]? { path(host, sent) }

  func pinsChanged() { LiveTasks.shared.judgeAgain() }
}

/// Where an app's signed pins and reports are kept, and whose they are.
struct Surroundings: Encodable {
  struct App: Encodable {
    let id: String?
    let version: String?
    let platform = "ios"
  }

  let folder: String?
  let app: App

  /// Of an app, with a folder of its own that is in no backup: signed pins must not come back from one.
  init(of bundle: Bundle, in support: URL?) {
    let version = bundle.object(forInfoDictionaryKey: "CFBundleShortVersionString") as? String
    app = App(id: bundle.bundleIdentifier, version: version)
    guard var folder = support?.appendingPathComponent("spki-pinning", isDirectory: true),
      (try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)) != nil
    else {
      self.folder = nil
      return
    }
    #if !os(Linux)
      var values = URLResourceValues()
      values.isExcludedFromBackup = true
      try? folder.setResourceValues(values)
    #else
      folder.standardize()
    #endif
    self.folder = folder.path
  }

  var json: String {
    let data = (try? JSONEncoder().encode(self)) ?? Data("{}".utf8)
    return String(decoding: data, as: UTF8.self)
  }
}
