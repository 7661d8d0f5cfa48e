/**
 * The program of `npm start`, for several platforms one after the other: its code is loaded and compiled once.
 * `hosts.ts` starts it. A message brings the environment of the next platform, or is the SIGTERM of the running one. A
 * program that ends well leaves the line `ended`, after all its output. Any other end is the end of this process.
 */
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');
const { start } = await import(join(ROOT, 'services/standalone/dist/start.js'));
/** The program listens to these for as long as it runs. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'unhandledRejection', 'uncaughtException'];
const end = process.exit.bind(process);
let ended = '';

process.exit = (code = 0) => {
  if (code !== 0) end(code);
  for (const name of SIGNALS) process.removeAllListeners(name);
  console.log(ended);
};
process.on('message', (message) => {
  if (message.env === undefined) return process.emit('SIGTERM');
  ended = message.ended;
  process.argv = [process.execPath, join(ROOT, 'services/standalone/dist/main.js')];
  for (const name of Object.keys(process.env)) if (message.env[name] === undefined) delete process.env[name];
  Object.assign(process.env, message.env);
  return start();
});
process.on('disconnect', () => end(0));
