import { takeDataFolder } from '../src/data-folder.ts';

/** Locks a data folder until the process ends, or prints the error. */
try {
  takeDataFolder(process.argv[2]!);
  process.stdout.write('held\n');
  setInterval(() => undefined, 1000);
} catch (error) {
  process.stdout.write(`${(error as Error).name}: ${(error as Error).message}\n`);
}
