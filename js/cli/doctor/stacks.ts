import type { App } from './app.js';

/** A network stack that an app has, and what pinning does for it. */
export interface Stack {
  readonly name: string;
  readonly android: boolean;
  readonly ios: boolean;
  /** How it connects, where that explains the answer. */
  readonly note: string;
}

/** By the package that brings it. Looked up in the sources of those packages; docs/architecture.md says how each is reached. */
const KNOWN: Readonly<Record<string, Omit<Stack, 'name'>>> = {
  'react-native': { android: true, ios: true, note: 'fetch, XMLHttpRequest, WebSocket, Image' },
  expo: { android: true, ios: true, note: 'expo/fetch; from SDK 56 on it is the global fetch' },
  axios: { android: true, ios: true, note: 'over XMLHttpRequest' },
  'expo-image': { android: true, ios: false, note: "Android: React Native's OkHttp; iOS: SDWebImage" },
  'react-native-fast-image': {
    android: true,
    ios: false,
    note: "Android: React Native's OkHttp; iOS: SDWebImage",
  },
  'react-native-blob-util': {
    android: true,
    ios: false,
    note: "Android: React Native's OkHttp, but not with `trusty`; iOS: a URLSession of its own",
  },
  'rn-fetch-blob': {
    android: true,
    ios: false,
    note: "Android: React Native's OkHttp, but not with `trusty`; iOS: a URLSession of its own",
  },
  'react-native-video': { android: true, ios: false, note: "Android: React Native's OkHttp; iOS: AVPlayer" },
  'expo-file-system': { android: false, ios: false, note: 'downloads and uploads by clients of its own' },
  'react-native-fs': { android: false, ios: false, note: 'HttpURLConnection, and a URLSession of its own' },
  'react-native-background-upload': { android: false, ios: false, note: 'clients of its own' },
  'react-native-nitro-fetch': { android: false, ios: false, note: 'Cronet, and a URLSession of its own' },
  'react-native-webview': { android: false, ios: false, note: 'web views connect by themselves' },
};

/** Those that the app has asked for, and React Native's. */
export function stacksOf(app: App): Stack[] {
  return Object.entries(KNOWN)
    .filter(([name]) => app.findOwn(name) !== null)
    .map(([name, stack]) => ({ name, ...stack }));
}
