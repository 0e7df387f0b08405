/** `node bench/import-time.mjs PACKAGE…` prints how many milliseconds the imports take in a fresh process. */
const packages = process.argv.slice(2);
const before = performance.now();
// Without a package: what any import costs, to be taken off.
for (const name of packages.length > 0 ? packages : ["data:text/javascript,"]) await import(name);
console.log(performance.now() - before);
