/** For `setupFiles` of Jest: every test has the mock for this package. */
declare const jest: { mock(name: string, factory: () => unknown): void };

// By `require`, when the mock is asked for: of the registry of modules that the test uses by then.
jest.mock('react-native-spki-pinning', () => require('./index.js'));
