import { declaredFromEnv } from './engines.ts';
import { run } from './program.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A closed pipe, as after `… | head`, is not an error.
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
process.exitCode = await run(process.argv.slice(2), declaredFromEnv(process.env), {
  out: (line) => process.stdout.write(`${line}\n`),
  error: (line) => process.stderr.write(`${line}\n`),
});
