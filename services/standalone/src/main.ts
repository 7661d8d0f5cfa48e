// Check the version before loading any module that needs it.
const NODE_NEEDED = 24;
if (Number(process.versions.node.split('.')[0]) < NODE_NEEDED) {
  console.error(
    `Node ${NODE_NEEDED} or later is needed, this is ${process.versions.node}: on Linux x64 \`npm ci\` brings it ` +
      `and \`npm start\` uses it, elsewhere install it.`,
  );
  process.exit(1);
}
// An ES module that imports `node:http` reads all of its names. These three are getters that load Node's client for
// fetch and WebSocket: 2.2 MB in 29,500 objects, which every garbage collection would visit. Nothing here uses them.
const http: object = process.getBuiltinModule('node:http');
for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) Reflect.deleteProperty(http, name);
const { start } = await import('./start.ts');
await start();

export {};
