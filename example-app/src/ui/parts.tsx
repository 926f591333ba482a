import type { ReactNode } from 'react';
import { Pressable, Text, type TextProps, View } from 'react-native';
import { type Palette, styles, usePalette } from './theme';

export function Card({ children }: { children: ReactNode }) {
  const { card, line } = usePalette();
  return <View style={[styles.card, { backgroundColor: card, borderColor: line }]}>{children}</View>;
}

type WordsProps = TextProps & {
  kind?: 'heading' | 'title' | 'body' | 'small' | 'code';
  tone?: keyof Palette;
};

/** Text in one of the sizes and colours of this app. */
export function Words({ kind = 'body', tone = 'text', ...props }: WordsProps) {
  const palette = usePalette();
  const role = kind === 'heading' ? ({ accessibilityRole: 'header' } as const) : {};
  return <Text {...role} {...props} style={[styles[kind], { color: palette[tone] }]} />;
}

type ButtonProps = { title: string; testID: string; isDisabled?: boolean; onPress: () => void };

export function Button({ title, testID, isDisabled = false, onPress }: ButtonProps) {
  const { accent } = usePalette();
  return (
    <Pressable
      testID={testID}
      accessibilityRole="button"
      accessibilityState={{ disabled: isDisabled }}
      disabled={isDisabled}
      onPress={onPress}
      style={({ pressed }) => [
        styles.button,
        { backgroundColor: accent, opacity: isDisabled || pressed ? 0.6 : 1 },
      ]}
    >
      <Words kind="title" tone="onAccent">
        {title}
      </Words>
    </Pressable>
  );
}

/** Keys by their pins; those that are in `others` too are marked. */
export function Pins({
  title,
  pins,
  others,
}: {
  title: string;
  pins: readonly string[];
  others: readonly string[];
}) {
  if (pins.length === 0) return null;
  return (
    <View>
      <Words kind="small" tone="quiet">
        {title}
      </Words>
      {pins.map((pin) => (
        <Words key={pin} kind="code" selectable tone={others.includes(pin) ? 'good' : 'text'}>
          {others.includes(pin) ? `${pin} ✓ in both` : pin}
        </Words>
      ))}
    </View>
  );
}
