#if canImport(Security)
  import Foundation
  import Security

  /// The certificates of a handshake, as Security.framework has them.
  struct SecServerTrust: ServerTrust, @unchecked Sendable {
    private let trust: SecTrust

    init(_ trust: SecTrust) {
      self.trust = trust
    }

    func leaf() async -> Data? {
      await withCheckedContinuation { continuation in
        // To read it evaluates it too, which may wait for the network: no thread of Swift's own must do that.
        DispatchQueue.global(qos: .userInitiated).async { continuation.resume(returning: path.first) }
      }
    }

    func isValid() async -> Bool {
      await withCheckedContinuation { continuation in
        let queue = DispatchQueue.global(qos: .userInitiated)
        // It has to be called on the queue that it answers on.
        queue.async {
          let status = SecTrustEvaluateAsyncWithError(trust, queue) { _, isValid, _ in
            continuation.resume(returning: isValid)
          }
          if status != errSecSuccess { continuation.resume(returning: false) }
        }
      }
    }

    /// As ``isValid()``, for a stack that asks on the spot, off the main thread. May wait for the network.
    ///
    /// For that host, whatever the stack has set: behind a proxy, SocketRocket names it by a private property of streams.
    func isValidNow(for host: String) -> Bool {
      SecTrustSetPolicies(trust, SecPolicyCreateSSL(true, host as CFString)) == errSecSuccess
        && SecTrustEvaluateWithError(trust, nil)
    }

    func validatedChain() -> [Data] { path }

    /// The path that this device finds valid for a host, of certificates in DER, leaf first; nil if there is none. May wait
    /// for the network.
    static func path(of host: String, sent: [Data]) -> [Data]? {
      let certificates = sent.compactMap { SecCertificateCreateWithData(nil, $0 as CFData) }
      let policy = SecPolicyCreateSSL(true, host as CFString)
      var trust: SecTrust?
      guard SecTrustCreateWithCertificates(certificates as CFArray, policy, &trust) == errSecSuccess, let trust else {
        return nil
      }
      let server = SecServerTrust(trust)
      return server.isValidNow(for: host) ? server.path : nil
    }

    /// What the last evaluation has built, be it valid or not.
    var path: [Data] {
      let certificates = SecTrustCopyCertificateChain(trust) as? [SecCertificate] ?? []
      return certificates.map { SecCertificateCopyData($0) as Data }
    }
  }

  /// The server that a challenge asks about, and its certificates. Nil: it asks for something else.
  func serverTrust(of challenge: URLAuthenticationChallenge) -> (Origin, (any ServerTrust)?)? {
    let space = challenge.protectionSpace
    guard space.authenticationMethod == NSURLAuthenticationMethodServerTrust else { return nil }
    return (Origin(host: space.host, port: space.port), space.serverTrust.map(SecServerTrust.init))
  }
#endif
