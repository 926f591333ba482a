import path = require('node:path');

/** CommonJS, for `__dirname`: `import.meta` would keep what imports this from being compiled to CommonJS, as for Jest. */
export = path.join(__dirname, '../../build/node/spki-pinning.node'); // the same from js/node and from lib/node
