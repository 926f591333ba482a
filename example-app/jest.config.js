module.exports = {
  preset: '@react-native/jest-preset',
  setupFiles: ['react-native-spki-pinning/jest/setup', './test/setup.js'],
  testMatch: ['<rootDir>/test/*.test.tsx'],
};
