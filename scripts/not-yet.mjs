/** `npm run size`, `npm run fuzz`: names that are taken for what comes. */
console.log(`not there yet: ${process.argv[2] ?? 'this script'}`);
