module.exports = {
  preset: '@react-native/jest-preset',
  setupFiles: ['react-native-spki-pinning/jest/setup', './test/setup.js'],
  // React Native's resolver takes what packages have for browsers, here ES modules.
  moduleNameMapper: { '^yaml$': require.resolve('yaml') },
  testMatch: ['<rootDir>/test/*.test.tsx'],
  // The first test of a file loads React Native, which takes a slow machine more than Jest's 5 seconds.
  testTimeout: 60_000,
};
