import { checkDocument } from './addon.js';
import { InvalidConfiguration } from './check.js';
import { inputName, readText } from './files.js';

/** What an app that is to take a manifest goes by. */
export interface InstalledApp {
  readonly document: string;
  /** Its `settings.updates`, unless the file has none: an app may have it in its code. */
  readonly updates: {
    /** PEM or JWK. */
    readonly keys: readonly string[];
    readonly audience: string | undefined;
  } | null;
}

/** Reads the configuration of an app, which has to be good. */
export async function readApp(path: string, nowMs?: number): Promise<InstalledApp> {
  const document = await readText(path, 'configuration');
  const { ok, problems } = checkDocument(document, nowMs);
  if (!ok) throw new InvalidConfiguration(inputName(path), problems);
  const content = JSON.parse(document);
  const updates = 'domains' in content ? content.settings?.updates : undefined;
  if (updates === undefined || updates === null) return { document, updates: null };
  const keys = updates.publicKeys.map((key: unknown) =>
    typeof key === 'string' ? key : JSON.stringify(key),
  );
  return { document, updates: { keys, audience: updates.audience } };
}
