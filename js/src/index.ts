/** The entry for React Native. */
import { type EmitterSubscription, Platform } from 'react-native';
import { addSslPinningErrorListener as addListener } from './api.js';
import NativeSpkiPinning from './NativeSpkiPinning.js';
import { provideNative } from './native.js';
import type { PinningListener } from './types.js';

export * from './api.js';

const POD_INSTALL = Platform.OS === 'ios' ? "- You have run 'pod install'\n" : '';

provideNative(
  NativeSpkiPinning,
  `The package 'react-native-spki-pinning' doesn't seem to be linked. Make sure:\n\n${POD_INSTALL}` +
    '- You rebuilt the app after installing the package\n' +
    '- You are not using Expo Go\n',
);

/** As in `api.ts`, with the type that React Native's own emitters return. */
export function addSslPinningErrorListener(listener: PinningListener): EmitterSubscription {
  return addListener(listener) as EmitterSubscription;
}
