import { View } from 'react-native';
import type { PinningEvent } from 'react-native-spki-pinning';
import { Button, Card, Words } from './parts';
import { styles } from './theme';

type EventsViewProps = { events: readonly PinningEvent[]; onClear: () => void };

/** What listeners were told, the newest first. */
export function EventsView({ events, onClear }: EventsViewProps) {
  return (
    <>
      <View style={styles.row}>
        <Button title="Clear" testID="clear-events" isDisabled={events.length === 0} onPress={onClear} />
      </View>
      {events.length === 0 && <Words tone="quiet">No events yet. “Wrong pin” makes one.</Words>}
      {events.map((event, index) => <EventCard key={String(index)} event={event} />).reverse()}
    </>
  );
}

function EventCard({ event }: { event: PinningEvent }) {
  const { kind, reason, serverHostname, enforced, stack, message, timestamp } = event;
  const what = kind === 'failure' ? (enforced ? 'Blocked' : 'Reported only') : 'Warning';
  return (
    <Card>
      <Words kind="title" tone={enforced ? 'bad' : 'notice'}>
        {`${what}: ${reason}`}
      </Words>
      <Words kind="small" tone="quiet">
        {[new Date(timestamp).toLocaleTimeString(), serverHostname, stack].filter(Boolean).join(' · ')}
      </Words>
      <Words kind="code" selectable>
        {message}
      </Words>
    </Card>
  );
}
