import Foundation

#if canImport(FoundationNetworking)
  @preconcurrency import FoundationNetworking
#endif

/// One request of the app on its way: judges who answers, and asks again by a session of our own if nobody knows them.
#if canImport(ObjectiveC)
  @objc(SPKLoad)
#endif
public final class PinnedLoad: NSObject, @unchecked Sendable {
  private let client: any LoadClient
  private let exchange: Exchange
  private let carriers: Generations?
  private let configuration: URLSessionConfiguration?
  private let state = Locked(State())

  private struct State {
    var task: URLSessionTask?
    /// Gives the carrier back.
    var giveBack: (@Sendable () -> Void)?
    /// The client has been told the end, or does not want to know it.
    var isOver = false
    /// Asks the same afresh.
    var other: PinnedLoad?
  }

  /// `carriers`: who sends it.
  init(_ request: URLRequest, stack: String, carriers: Generations, client: any LoadClient) {
    self.client = client
    self.carriers = carriers
    self.configuration = nil
    self.exchange = Exchange(request, stack: stack, isFresh: false)
  }

  /// Asks by a session that nobody has used before, made like another one; nothing comes out of the cache.
  private init(
    afresh request: URLRequest, like configuration: URLSessionConfiguration?, stack: String, client: any LoadClient
  ) {
    var request = request
    request.cachePolicy = .reloadIgnoringLocalCacheData
    self.client = client
    self.carriers = nil
    self.configuration = configuration
    self.exchange = Exchange(request, stack: stack, isFresh: true)
  }

  deinit {
    LiveTasks.shared.remove(exchange.judge)
  }

  /// To be called once. The client hears nothing before this returns, if the carrier sees to that.
  func start() {
    guard let (carrier, giveBack) = borrow() else { return cannotStart() }
    state.with { $0.giveBack = giveBack }
    LiveTasks.shared.add(exchange.judge) { [weak self] in self?.stop() }
    guard let task = carrier.start(exchange.request, for: self) else { return cannotStart() }
    let isOver = state.with { state in
      state.task = task
      return state.isOver
    }
    if isOver { stop() }
  }

  /// The client is not called any more.
  func cancel() {
    let other = state.with { state in
      state.isOver = true
      return state.other
    }
    stop()
    other?.cancel()
  }

  // What carriers tell.

  /// A challenge of the task's. `others`: who would be asked if there were no pins.
  func challenged(
    _ challenge: URLAuthenticationChallenge,
    orAs others: @escaping @Sendable (@escaping ChallengeCompletion) -> Void = byDefault,
    completionHandler: @escaping ChallengeCompletion
  ) {
    answer(challenge, by: challenged, orAs: others, completionHandler)
  }

  func challenged(by origin: Origin, trust: (any ServerTrust)?) async -> TaskJudge.ChallengeAnswer {
    await exchange.judge.challenged(by: origin, trust: trust)
  }

  func sent(_ bytes: Int64) {
    if isLive { client.load(didSend: bytes) }
  }

  /// Whether a redirect is to be followed, as far as it depends on who has sent it. If it is not, the carrier stops the task.
  func goesOn(
    after redirect: HTTPURLResponse, isTaken: Bool, asking: Asking? = nil, cached: () -> CachedURLResponse?
  ) -> Bool {
    guard isLive else { return false }
    let step = exchange.redirected(by: redirect, to: asking?.request.url, isTaken: isTaken, cached: cached)
    return settle(step, asking)
  }

  /// A redirect that goes on, and what the client says to it.
  func redirected(to request: URLRequest, by response: HTTPURLResponse) -> URLRequest? {
    isLive ? client.load(wasRedirectedTo: request, by: response) : nil
  }

  /// Whether the task's data is wanted. If it is not, the carrier stops the task.
  func received(
    _ response: URLResponse, isTaken: Bool, asking: Asking? = nil, cached: () -> CachedURLResponse?
  ) -> Bool {
    guard isLive else { return false }
    let step = exchange.answered(by: response, to: asking?.request.url, isTaken: isTaken, cached: cached)
    guard settle(step, asking) else { return false }
    client.load(didReceive: response)
    return true
  }

  /// What the session is about to put into its cache, as it shall do that.
  func marked(_ answer: CachedURLResponse, isTaken: Bool) -> CachedURLResponse {
    exchange.marked(answer, isTaken: isTaken)
  }

  func received(_ data: Data) {
    if isLive { client.load(didReceive: data) }
  }

  /// The last call.
  func completed(_ error: (any Error)?) {
    LiveTasks.shared.remove(exchange.judge)
    end(exchange.error(for: error))
    state.with { state in
      defer { state.giveBack = nil }
      return state.giveBack
    }?()
  }

  /// The carrier to use, and what to do when the request has ended. Nil: there are none any more.
  private func borrow() -> (any Carrier, @Sendable () -> Void)? {
    guard let carriers else {
      let session = PinnedSession(like: configuration)
      return (session, { session.retire() })
    }
    // Where another library takes requests away, those to pinned hosts go by a session that it is not in.
    let mayBeTaken = ForeignProtocols.wouldTake(exchange.request) && isForPinnedHost
    let lenders = mayBeTaken ? PinnedSession.aroundForeignProtocols : carriers
    return lenders.begin(exchange.request).map { lease in (lease.carrier, { lenders.end(lease) }) }
  }

  private var isForPinnedHost: Bool {
    Origin(exchange.request.url).map { Judge.isPinned($0.host) } ?? false
  }

  /// The client hears of it after ``start()`` has returned.
  private func cannotStart() {
    DispatchQueue.global().async { self.completed(URLError(.cancelled)) }
  }

  /// Whether what comes is still the client's: it has not been told the end, and the task was not cut.
  private var isLive: Bool { state.with { !$0.isOver } && exchange.judge.refusal == nil }

  private func stop() {
    guard let task = state.with({ $0.task }) else { return }
    DispatchQueue.global().async { task.cancel() }  // whoever calls may be within its session, or hold a lock
  }

  /// Whether the answer is the client's. If it is not, this sees to what becomes of it.
  private func settle(_ step: Exchange.Step, _ asking: Asking?) -> Bool {
    switch step {
    case .deliver:
      return true
    case .deliverCached(let cached):
      client.load(didReceive: cached.response)
      client.load(didReceive: cached.data)
      end(nil)
    case .askAfresh:
      askAfresh(asking)
    case .fail(let refusal):
      end(refusal)
    }
    return false
  }

  private func askAfresh(_ asking: Asking?) {
    let other = PinnedLoad(
      afresh: asking?.request ?? exchange.request, like: asking?.configuration, stack: exchange.judge.stack,
      client: client)
    let wasOver = state.with { state in
      defer { state.isOver = true }
      state.other = other
      return state.isOver
    }
    if !wasOver { other.start() }
  }

  private func end(_ error: (any Error)?) {
    let wasOver = state.with { state in
      defer { state.isOver = true }
      return state.isOver
    }
    if !wasOver { client.load(didComplete: error) }
  }
}

/// What a session is asking, after redirects and as interceptors have made it, and how.
struct Asking {
  let request: URLRequest
  let configuration: URLSessionConfiguration

  init?(_ task: URLSessionTask, of session: URLSession) {
    guard let request = task.currentRequest ?? task.originalRequest else { return nil }
    self.request = request
    self.configuration = session.configuration
  }
}
