import { useCallback, useState } from 'react';
import {
  AccessibilityInfo,
  Image,
  Pressable,
  ScrollView,
  StatusBar,
  useColorScheme,
  View,
} from 'react-native';
import { SafeAreaProvider, useSafeAreaInsets } from 'react-native-safe-area-context';
import {
  isSslPinningAvailable,
  type PinningEvent,
  useSslPinningErrorListener,
} from 'react-native-spki-pinning';
import { byFetch, byImage, byWebSocket, byXmlHttpRequest, type Requests } from './requests';
import type { Scenario } from './scenarios';
import type { Servers } from './servers';
import type { Trial } from './trial';
import { EventsView } from './ui/EventsView';
import { Card, Words } from './ui/parts';
import { ScenariosView } from './ui/ScenariosView';
import { StatusView } from './ui/StatusView';
import { styles, usePalette } from './ui/theme';
import { verdictInWords } from './ui/words';
import { useTrials } from './useTrials';

const REQUESTS: Requests = {
  fetch: byFetch,
  XMLHttpRequest: byXmlHttpRequest,
  WebSocket: byWebSocket,
  Image: byImage((url) => Image.prefetch(url)),
};

type AppProps = { servers: Servers };

export function App({ servers }: AppProps) {
  return (
    <SafeAreaProvider>
      <StatusBar barStyle={useColorScheme() === 'dark' ? 'light-content' : 'dark-content'} />
      <Screen servers={servers} />
    </SafeAreaProvider>
  );
}

type Tab = 'scenarios' | 'status' | 'events';

function Screen({ servers }: AppProps) {
  const [tab, setTab] = useState<Tab>('scenarios');
  const [events, setEvents] = useState<readonly PinningEvent[]>([]);
  const { trials, running, failure, run } = useTrials(servers, REQUESTS, announce);
  const clear = useCallback(() => setEvents([]), []);
  useSslPinningErrorListener((event) => setEvents((before) => [...before, event]));
  const insets = useSafeAreaInsets();
  const palette = usePalette();
  const isAvailable = isSslPinningAvailable();
  const tabs: Record<Tab, string> = {
    scenarios: 'Scenarios',
    status: 'Status',
    events: events.length === 0 ? 'Events' : `Events (${events.length})`,
  };
  return (
    <View
      style={[
        styles.fill,
        {
          backgroundColor: palette.background,
          paddingTop: insets.top,
          paddingLeft: insets.left,
          paddingRight: insets.right,
        },
      ]}
    >
      <View style={styles.row} accessibilityRole="tablist">
        {(Object.keys(tabs) as Tab[]).map((name) => (
          <Pressable
            key={name}
            testID={`tab-${name}`}
            accessibilityRole="tab"
            accessibilityState={{ selected: name === tab }}
            onPress={() => setTab(name)}
            style={[styles.tab, { borderColor: name === tab ? palette.accent : 'transparent' }]}
          >
            <Words kind="title" tone={name === tab ? 'accent' : 'quiet'}>
              {tabs[name]}
            </Words>
          </Pressable>
        ))}
      </View>
      <ScrollView contentContainerStyle={[styles.page, { paddingBottom: insets.bottom + 16 }]}>
        {!isAvailable && (
          <Card>
            <Words tone="bad">
              The native part of react-native-spki-pinning is not in this app: build it again.
            </Words>
          </Card>
        )}
        {failure !== null && <Words tone="bad">{failure}</Words>}
        {tab === 'scenarios' && (
          <ScenariosView trials={trials} running={running} isAvailable={isAvailable} onRun={run} />
        )}
        {tab === 'status' && <StatusView servers={servers} />}
        {tab === 'events' && <EventsView events={events} onClear={clear} />}
      </ScrollView>
    </View>
  );
}

/** For a screen reader, which does not see the card change. */
function announce(scenario: Scenario, trial: Trial): void {
  AccessibilityInfo.announceForAccessibility(
    `${scenario.title}: ${verdictInWords(trial, scenario.expected)}`,
  );
}
