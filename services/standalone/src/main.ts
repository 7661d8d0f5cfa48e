// Check the version before loading any module that needs it.
const NODE_NEEDED = 24;
if (Number(process.versions.node.split('.')[0]) < NODE_NEEDED) {
  console.error(
    `Node ${NODE_NEEDED} or later is needed, this is ${process.versions.node}: on Linux x64 \`npm ci\` brings it ` +
      `and \`npm start\` uses it, elsewhere install it.`,
  );
  process.exit(1);
}
await import('@provider-access/process/without-fetch');
const { bundleOf } = await import('@provider-access/kernel/bundle');
const bundle = bundleOf(import.meta.dirname);
const { start } = (bundle === undefined ? await import('./start.ts') : await import(bundle.href)) as {
  start: () => Promise<void>;
};
await start();

export {};
