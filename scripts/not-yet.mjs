/** `npm run fuzz`: a name that is taken for what comes. */
console.log(`not there yet: ${process.argv[2] ?? 'this script'}`);
