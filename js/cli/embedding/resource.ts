/** What the native parts look for: in an Android app's assets, in an iOS app's bundle. */
export const RESOURCE = 'ssl-pinning.json';
