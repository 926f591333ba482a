/** `node scripts/api.mjs`: writes docs/api.md anew. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { API_PAGE, apiReference } from './lib/api-reference.mjs';
import { ROOT } from './lib/run.mjs';

writeFileSync(join(ROOT, API_PAGE), apiReference());
