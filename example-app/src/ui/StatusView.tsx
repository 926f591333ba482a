import { useCallback, useEffect, useState } from 'react';
import { View } from 'react-native';
import {
  disableSslPinning,
  getSslPinningStatus,
  type SslPinningStatus,
  type SslPinningVerification,
  verifySslPinning,
} from 'react-native-spki-pinning';
import type { Servers } from '../servers';
import { Button, Card, Pins, Words } from './parts';
import { styles } from './theme';

/** What `getSslPinningStatus` says, and on request `verifySslPinning`. */
export function StatusView({ servers: { host, port } }: { servers: Servers }) {
  const [status, setStatus] = useState<SslPinningStatus | null>(null);
  const [verification, setVerification] = useState<SslPinningVerification | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const fail = useCallback((error: unknown) => setProblem(String(error)), []);
  const refresh = useCallback(() => {
    getSslPinningStatus().then(setStatus, fail);
  }, [fail]);
  const verify = () => verifySslPinning(host, { port, path: '/image.png' }).then(setVerification, fail);
  useEffect(refresh, [refresh]);
  return (
    <>
      <View style={styles.row}>
        <Button title="Refresh" testID="refresh" onPress={refresh} />
        <Button title={`Verify ${host}`} testID="verify" onPress={() => verify().then(refresh)} />
        <Button
          title="Pin nothing"
          testID="disable"
          isDisabled={status === null || !status.active}
          onPress={() => disableSslPinning().then(refresh, fail)}
        />
      </View>
      {problem !== null && <Words tone="bad">{problem}</Words>}
      {verification !== null && (
        <Card>
          <Words kind="title" tone={verification.ok ? 'good' : 'bad'} testID="verification">
            {verification.ok ? 'Verified' : 'Not verified'}
          </Words>
          <Words selectable>{verification.message}</Words>
        </Card>
      )}
      {status !== null && <StatusDetails status={status} />}
    </>
  );
}

function StatusDetails({
  status: { active, generation, domains, counters, stacks, warnings },
}: {
  status: SslPinningStatus;
}) {
  return (
    <>
      <Card>
        <Words kind="title" tone={active ? 'good' : 'notice'} testID="status-active">
          {active ? 'Pins are in force' : 'Nothing is pinned'}
        </Words>
        <Words>{`Configuration ${generation} since the app was started`}</Words>
        <Words testID="status-counters">
          {`${counters.checks} connections checked: ${counters.allowed} allowed, ${counters.blocked} blocked, ${counters.reportOnly} reported only`}
        </Words>
        {stacks.map(({ stack, hooked }) => (
          <Words key={stack} kind="small" tone={hooked ? 'quiet' : 'bad'}>
            {`${stack}: ${hooked ? 'checked' : 'not checked'}`}
          </Words>
        ))}
      </Card>
      {domains.map(({ domain, state, expirationDate, pins }) => (
        <Card key={domain}>
          <Words kind="title">{domain}</Words>
          <Words testID={`state-${domain}`}>
            {expirationDate === null ? state : `${state}, until ${expirationDate}`}
          </Words>
          <Pins title="Keys that are pinned" pins={pins} others={[]} />
        </Card>
      ))}
      {warnings.map(({ path, code, message, suggestion }) => (
        <Card key={`${path} ${code}`}>
          <Words kind="code" tone="notice">{`warning: ${code}`}</Words>
          <Words>{message}</Words>
          {suggestion !== null && <Words tone="good">{suggestion}</Words>}
        </Card>
      ))}
    </>
  );
}
