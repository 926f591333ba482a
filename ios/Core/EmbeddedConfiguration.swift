import Foundation

/// The configuration that an app carries as the resource `ssl-pinning.json`: in force before any code of the app runs, and
/// until the app sets another.
///
/// If it is not valid, no host is reached by TLS, because nobody knows which were meant.
enum EmbeddedConfiguration {
  static let resource = "ssl-pinning"

  /// Why the configuration that ought to be in force is not.
  private static let unmet = Locked<String?>(nil)

  /// Puts the resource of a bundle into force, if there is one. Returns what is wrong with it.
  static func load(from bundle: Bundle) -> String? {
    guard let url = bundle.url(forResource: resource, withExtension: "json") else { return nil }
    return load(from: url)
  }

  static func load(from file: URL) -> String? {
    let why: String?
    do {
      why = put(String(decoding: try Data(contentsOf: file), as: UTF8.self))
    } catch {
      why = "\(file.lastPathComponent) cannot be read: \(error.localizedDescription)"
    }
    unmet.with { $0 = why }
    return why
  }

  private static func put(_ document: String) -> String? {
    let answer = Judge.initializeEmbedded(document)
    return Answer(answer)?.ok == true ? nil : "\(resource).json is not valid: \(answer)"
  }

  /// The app has set another configuration, or none, of which the engine knows.
  static func isReplaced() {
    unmet.with { $0 = nil }
  }

  /// What to end a connection with as long as the configuration is not in force.
  static func refusal(of host: String) -> SslPinningError? {
    unmet.with { $0 }.map { .notInForce(host: host, why: $0) }
  }
}

/// What the engine says to a configuration, as far as it matters here.
struct Answer: Decodable {
  let ok: Bool

  init?(_ json: String) {
    guard let answer = try? JSONDecoder().decode(Self.self, from: Data(json.utf8)) else { return nil }
    self = answer
  }
}
