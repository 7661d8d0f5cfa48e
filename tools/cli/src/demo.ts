// The version is checked before anything that needs it is loaded.
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `demo: Node 24 or later is needed, this is ${process.versions.node}: on Linux x64 \`npm ci\` brings it and ` +
      `\`npm run demo\` uses it, elsewhere install it.\n`,
  );
  process.exit(2);
}
const { demo } = await import('./demo/main.ts');
process.exitCode = await demo(process.argv.slice(2));

export {};
