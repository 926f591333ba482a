import { ActivityIndicator, Pressable, View } from 'react-native';
import { SCENARIOS, type Scenario, type Stack } from '../scenarios';
import type { Trial } from '../trial';
import { Button, Card, Words } from './parts';
import { TrialView } from './TrialView';
import { styles } from './theme';

type ScenariosViewProps = {
  trials: ReadonlyMap<string, Trial>;
  running: string | null;
  isAvailable: boolean;
  onRun: (scenarios: readonly Scenario[]) => void;
};

const STACKS: readonly Stack[] = ['fetch', 'XMLHttpRequest', 'WebSocket', 'Image'];

export function ScenariosView({ trials, running, isAvailable, onRun }: ScenariosViewProps) {
  const isDisabled = !isAvailable || running !== null;
  const good = SCENARIOS.filter(({ id, expected }) => trials.get(id)?.verdict === expected).length;
  return (
    <>
      <View style={styles.row}>
        <Button title="Run all" testID="run-all" isDisabled={isDisabled} onPress={() => onRun(SCENARIOS)} />
        <Words testID="summary">
          {trials.size === 0
            ? `${SCENARIOS.length} scenarios. Choose one.`
            : `${good} of ${SCENARIOS.length} as expected`}
        </Words>
      </View>
      {STACKS.map((stack) => (
        <View key={stack} style={styles.section}>
          <Words kind="heading">{stack}</Words>
          {SCENARIOS.filter((scenario) => scenario.stack === stack).map((scenario) => (
            <ScenarioCard
              key={scenario.id}
              scenario={scenario}
              trial={trials.get(scenario.id)}
              isRunning={running === scenario.id}
              isDisabled={isDisabled}
              onRun={onRun}
            />
          ))}
        </View>
      ))}
      <Words kind="heading">expo/fetch</Words>
      <Card>
        <Words tone="quiet">This app has no Expo. In apps that have, expo/fetch is pinned as fetch is.</Words>
      </Card>
    </>
  );
}

type ScenarioCardProps = {
  scenario: Scenario;
  trial: Trial | undefined;
  isRunning: boolean;
  isDisabled: boolean;
  onRun: (scenarios: readonly Scenario[]) => void;
};

function ScenarioCard({ scenario, trial, isRunning, isDisabled, onRun }: ScenarioCardProps) {
  const { id, title, about, expected } = scenario;
  return (
    <Card>
      <Pressable
        testID={`run-${id}`}
        accessibilityRole="button"
        accessibilityLabel={title}
        accessibilityHint={about}
        accessibilityState={{ busy: isRunning, disabled: isDisabled }}
        disabled={isDisabled}
        onPress={() => onRun([scenario])}
        style={({ pressed }) => [styles.touch, { opacity: pressed ? 0.6 : 1 }]}
      >
        <View style={styles.row}>
          <Words kind="title" tone="accent">
            {title}
          </Words>
          {isRunning && <ActivityIndicator />}
        </View>
        <Words kind="small" tone="quiet">
          {about}
        </Words>
      </Pressable>
      {trial !== undefined && !isRunning && <TrialView id={id} trial={trial} expected={expected} />}
    </Card>
  );
}
