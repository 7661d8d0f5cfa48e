import { takeDataFolder } from '../src/data-folder.ts';

/** Takes a data folder, or says why not. Holds it until it is ended. */
try {
  takeDataFolder(process.argv[2]!);
  process.stdout.write('held\n');
  setInterval(() => undefined, 1000);
} catch (error) {
  process.stdout.write(`${(error as Error).name}: ${(error as Error).message}\n`);
}
