/** What there is to tell the surroundings of an app by, all of it set before any JavaScript of the app runs. */
export type Surroundings = {
  /** Of Expo; the module is in the app Expo Go only. */
  readonly expo?: { readonly modules?: { readonly ExpoGo?: unknown } };
  /** Of React Native's old architecture. */
  readonly __fbBatchedBridgeConfig?: unknown;
  /** Of the new architecture on top of the old bridge. */
  readonly __turboModuleProxy?: unknown;
  readonly process?: { readonly env?: { readonly JEST_WORKER_ID?: string } };
};

/** Why the native part is not in this React Native app, as far as that can be told, and what to do. */
export function helpFor(os: string, surroundings: Surroundings): string {
  const { expo, __fbBatchedBridgeConfig, __turboModuleProxy, process } = surroundings;
  if (process?.env?.JEST_WORKER_ID !== undefined) {
    return (
      "There is no native code in Jest. To mock the package 'react-native-spki-pinning', add " +
      "'react-native-spki-pinning/jest/setup' to `setupFiles`"
    );
  }
  if (expo?.modules?.ExpoGo != null) {
    return (
      "The package 'react-native-spki-pinning' has native code, which Expo Go cannot load. Make a development build: " +
      `npx expo run:${os}, or eas build`
    );
  }
  if (__fbBatchedBridgeConfig != null && __turboModuleProxy == null) {
    return (
      "The package 'react-native-spki-pinning' needs React Native's new architecture. Turn it on: " +
      (os === 'ios'
        ? 'RCT_NEW_ARCH_ENABLED=1 pod install'
        : '`newArchEnabled=true` in android/gradle.properties') +
      ', and rebuild the app'
    );
  }
  const podInstall = os === 'ios' ? "- You have run 'pod install'\n" : '';
  return (
    `The package 'react-native-spki-pinning' doesn't seem to be linked. Make sure:\n\n${podInstall}` +
    '- You rebuilt the app after installing the package\n' +
    '- You are not using Expo Go\n'
  );
}
