import { Image, View } from 'react-native';
import type { Verdict } from '../scenarios';
import type { Trial } from '../trial';
import { Pins, Words } from './parts';
import { styles } from './theme';
import { explain, explainError, servedTitle, VERDICTS, verdictInWords } from './words';

type TrialViewProps = { id: string; trial: Trial; expected: Verdict };

/** What has come of a scenario. */
export function TrialView({ id, trial, expected }: TrialViewProps) {
  const { verdict, host, reason, served, pinned, answer, error, problems } = trial;
  return (
    <View style={styles.details}>
      <Words kind="title" tone={VERDICTS[verdict].tone} testID={`verdict-${id}`}>
        {verdictInWords(trial, expected)}
      </Words>
      {reason !== null && <Words kind="code" testID={`reason-${id}`}>{`${reason} (${host})`}</Words>}
      <Words>{explain(trial)}</Words>
      {problems.map(({ severity, path, code, message, suggestion }) => (
        <View key={`${path} ${code}`}>
          <Words kind="code" tone={severity === 'error' ? 'bad' : 'notice'}>{`${severity}: ${code}`}</Words>
          <Words>{message}</Words>
          {suggestion !== null && <Words tone="good">{`Instead: ${suggestion}`}</Words>}
        </View>
      ))}
      {error !== null && (
        <Words kind="small" tone="quiet">
          {explainError(error, verdict)}
        </Words>
      )}
      {verdict === 'no-answer' && expected !== 'no-answer' && (
        <Words tone="notice">
          Is “npm run servers” running? It prints what this device needs to reach the servers and to trust
          them.
        </Words>
      )}
      {answer !== null && <Words kind="small" tone="quiet">{`The server said: ${answer.text}`}</Words>}
      {answer?.picture !== undefined && (
        <Image
          source={{ uri: answer.picture }}
          style={styles.picture}
          testID={`picture-${id}`}
          accessible
          accessibilityLabel="What the server has sent"
        />
      )}
      {verdict !== 'refused' && (
        <>
          <Pins title={servedTitle(verdict)} pins={served} others={pinned} />
          <Pins title="Keys that are pinned" pins={pinned} others={served} />
        </>
      )}
    </View>
  );
}
