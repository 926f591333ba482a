import path = require('node:path');

/** CommonJS, for `__dirname`: what imports this is an ES module in the tests, and is compiled to CommonJS. */
export = path.join(__dirname, '../..'); // the same from js/node and from lib/node
