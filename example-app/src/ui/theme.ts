import { Platform, StyleSheet, useColorScheme } from 'react-native';

const LIGHT = {
  background: '#f4f5f7',
  card: '#ffffff',
  line: '#d9dce1',
  text: '#14171a',
  quiet: '#555e68',
  accent: '#0b5cad',
  onAccent: '#ffffff',
  good: '#0a6b34',
  bad: '#b3261e',
  notice: '#8a4b00',
};

const DARK: Palette = {
  background: '#101316',
  card: '#1b2025',
  line: '#353c44',
  text: '#f0f2f4',
  quiet: '#aab3bd',
  accent: '#8ec5ff',
  onAccent: '#06243f',
  good: '#6fdc9a',
  bad: '#ff9d94',
  notice: '#ffc47a',
};

export type Palette = typeof LIGHT;

export function usePalette(): Palette {
  return useColorScheme() === 'dark' ? DARK : LIGHT;
}

/** What does not depend on colours. No height is fixed: text is as large as the system says. */
export const styles = StyleSheet.create({
  fill: { flex: 1 },
  page: { padding: 16, gap: 12 },
  section: { gap: 12 },
  details: { gap: 6 },
  row: { flexDirection: 'row', flexWrap: 'wrap', alignItems: 'center', gap: 8 },
  card: { borderWidth: StyleSheet.hairlineWidth, borderRadius: 12, padding: 14, gap: 8 },
  touch: { minHeight: 48, justifyContent: 'center', gap: 2 },
  button: { minHeight: 48, justifyContent: 'center', paddingHorizontal: 16, borderRadius: 10 },
  tab: { minHeight: 48, justifyContent: 'center', paddingHorizontal: 12, borderBottomWidth: 3 },
  heading: { fontSize: 20, fontWeight: '700' },
  title: { fontSize: 17, fontWeight: '600' },
  body: { fontSize: 15 },
  small: { fontSize: 13 },
  code: { fontSize: 12, fontFamily: Platform.select({ ios: 'Menlo', default: 'monospace' }) },
  picture: { width: 48, height: 48, borderRadius: 6 },
});
