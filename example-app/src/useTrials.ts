import { useCallback, useState } from 'react';
import type { Requests } from './requests';
import type { Scenario } from './scenarios';
import type { Servers } from './servers';
import { runTrial, type Trial } from './trial';

/** The trials so far. They run one after the other: what is pinned counts for the whole app. */
export function useTrials(
  servers: Servers,
  requests: Requests,
  onTrial: (scenario: Scenario, trial: Trial) => void,
) {
  const [trials, setTrials] = useState<ReadonlyMap<string, Trial>>(new Map());
  const [running, setRunning] = useState<string | null>(null);
  const [failure, setFailure] = useState<string | null>(null);

  const run = useCallback(
    async (scenarios: readonly Scenario[]) => {
      setFailure(null);
      try {
        for (const scenario of scenarios) {
          setRunning(scenario.id);
          const trial = await runTrial(scenario, servers, requests);
          setTrials((before) => new Map(before).set(scenario.id, trial));
          onTrial(scenario, trial);
        }
      } catch (error) {
        setFailure(String(error));
      } finally {
        setRunning(null);
      }
    },
    [servers, requests, onTrial],
  );
  return { trials, running, failure, run };
}
