/** `npm run build`: everything that runs on this machine, the first time and after a change. */
import { build } from './lib/build.mjs';
import { main } from './lib/steps.mjs';

await main(build);
