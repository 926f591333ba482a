#if canImport(Security)
  import Foundation
  import Testing

  @testable import SpkiPinning

  extension AllTests {
    /// Apple's own URLSession and Security.framework against the testbed: challenges, pools, resumed sessions.
    /// tests/ios/simulator.sh has the testbed found and trusted.
    @Suite(.enabled(if: Testbed.isReachable, "run tests/ios/simulator.sh"))
    struct AppleTests {
      private let testbed = Testbed.shared

      init() { startAnew() }

      private func pin(_ name: String, _ pin: String?) {
        SpkiPinningTests.pin([testbed[name].host: pin ?? testbed[name].pins.leaf!])
      }

      /// As expo/fetch asks: by a session with our protocol in it.
      private func fetch(_ url: URL) async throws -> (Data, URLResponse) {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.protocolClasses = [PinnedURLProtocol.self] + (configuration.protocolClasses ?? [])
        let session = URLSession(configuration: configuration)
        defer { session.finishTasksAndInvalidate() }
        return try await session.data(from: url)
      }

      @Test(arguments: HandshakeTests.valid)
      func everyServerIsReachedWithItsPinAndRefusedWithAnother(_ name: String) async throws {
        if ["client-cert", "half-close", "impostor", "not-tls", "same-name-ca", "slow"].contains(name) { return }
        pin(name, nil)
        let (data, _) = try await fetch(testbed[name].url())
        #expect(!data.isEmpty)
        pin(name, wrongPin)
        let refused = Events()
        await #expect(throws: (any Error).self) { try await fetch(testbed[name].url()) }
        #expect(refused.reasons == ["no-pin-matched"])
      }

      @Test(arguments: ["tickets12", "tickets13", "h2", "http1"])
      func newPinsHoldForTheNextRequestOnLiveAndResumedConnections(_ name: String) async throws {
        for _ in 0..<3 {
          pin(name, nil)
          _ = try await fetch(testbed[name].url())
          pin(name, wrongPin)
          await #expect(throws: (any Error).self) { try await fetch(testbed[name].url()) }
        }
        Configuration.disable()
        _ = try await fetch(testbed[name].url())
      }

      @Test func aHostOnAnothersConnectionIsJudgedForItself() async throws {
        let (a, b) = (testbed["coalesced-a"], testbed["coalesced-b"])
        SpkiPinningTests.pin([a.host: a.pins.leaf!, b.host: wrongPin])
        _ = try await fetch(a.url())
        await #expect(throws: (any Error).self) { try await fetch(b.url()) }
      }

      @Test func anInvalidChainIsThePlatformsError() async {
        pin("expired", testbed["expired"].servedPins[0])
        let events = Events()
        await #expect(throws: URLError.self) { try await fetch(testbed["expired"].url()) }
        #expect(events.reasons == [])
      }

      @Test func redirectsAreJudgedWhereTheyEnd() async throws {
        let (from, to) = (testbed["http1"], testbed["leaf"])
        pin("leaf", nil)
        let (data, _) = try await fetch(from.url("/redirect?to=\(to.url("/file/10"))"))
        #expect(data.count == 10)
        pin("leaf", wrongPin)
        let events = Events()
        await #expect(throws: (any Error).self) { try await fetch(from.url("/redirect?to=\(to.url("/file/10"))")) }
        #expect(events.hosts == [to.host])
      }

      @Test func aSessionOfTheAppsOwn() async throws {
        let session = SslPinning.session(configuration: .ephemeral)
        defer { session.invalidateAndCancel() }
        pin("leaf", nil)
        let (data, response) = try await session.data(from: testbed["leaf"].url())
        #expect(!data.isEmpty)
        try SslPinning.verify(response)
        pin("leaf", wrongPin)
        #expect(throws: SslPinningError.self) { try SslPinning.verify(response) }
        pin("rotating", wrongPin)
        await #expect(throws: URLError.self) { try await session.data(from: testbed["rotating"].url()) }
      }

      /// What Apple's cache of TLS sessions does decides how often a pinned host is unverified.
      @Test(arguments: ["tickets12", "tickets13"])
      func aHostThatAnotherSessionHasSpokenToFirstIsReached(_ name: String) async throws {
        let foreign = URLSession(configuration: .ephemeral)
        _ = try await foreign.data(from: testbed[name].url())
        foreign.finishTasksAndInvalidate()
        pin(name, nil)
        _ = try await fetch(testbed[name].url())
      }
    }
  }
#endif
