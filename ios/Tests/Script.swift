import Foundation
import Testing

@testable import SpkiPinning

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// A carrier that does what a script says: the script tells the load what a session would.
final class ScriptedCarrier: Carrier, @unchecked Sendable {
  private let retirements = Locked(0)

  func start(_ request: URLRequest, for load: PinnedLoad) -> URLSessionTask? {
    URLSession.shared.dataTask(with: request)  // never resumed; to be cancelled
  }

  func retire() {
    retirements.with { $0 += 1 }
  }

  var timesRetired: Int { retirements.with { $0 } }
}

/// What the app has got.
final class App: LoadClient, @unchecked Sendable {
  private let told = Locked(Told())
  /// What it says to a redirect.
  let follows: Bool

  struct Told {
    var response: URLResponse?
    var body = Data()
    var redirects: [URL] = []
    var sent: Int64 = 0
    var ends: [(any Error)?] = []
    var waiting: CheckedContinuation<Void, Never>?
  }

  init(follows: Bool = true) {
    self.follows = follows
  }

  func load(didSend bytes: Int64) { told.with { $0.sent = bytes } }

  func load(wasRedirectedTo request: URLRequest, by response: HTTPURLResponse) -> URLRequest? {
    told.with { $0.redirects.append(request.url!) }
    return follows ? request : nil
  }

  func load(didReceive response: URLResponse) { told.with { $0.response = response } }

  func load(didReceive data: Data) { told.with { $0.body += data } }

  func load(didComplete error: (any Error)?) {
    told.with { told in
      told.ends.append(error)
      defer { told.waiting = nil }
      return told.waiting
    }?.resume()
  }

  /// Waits for the end.
  func end() async -> Told {
    await withCheckedContinuation { continuation in
      let isOver = told.with { told in
        if told.ends.isEmpty { told.waiting = continuation }
        return !told.ends.isEmpty
      }
      if isOver { continuation.resume() }
    }
    return got
  }

  var got: Told { told.with { $0 } }
}

extension App.Told {
  var text: String { String(decoding: body, as: UTF8.self) }

  var status: Int? { (response as? HTTPURLResponse)?.statusCode }

  /// Why the request has failed: the reason of the pinning, or "" for any other error.
  var reason: String? { ends.last.flatMap { $0 }.map { ($0 as? SslPinningError)?.reason ?? "" } }
}

func answer(_ url: URL, status: Int = 200, headers: [String: String] = [:]) -> HTTPURLResponse {
  HTTPURLResponse(url: url, statusCode: status, httpVersion: "HTTP/1.1", headerFields: headers)!
}
