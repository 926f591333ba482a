import Foundation

/// A value that several threads share. What is done with it is short, and calls nobody.
///
/// `Mutex` of the standard library would do; it asks for iOS 18.
final class Locked<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value

  init(_ value: Value) {
    self.value = value
  }

  func with<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value)
  }
}
