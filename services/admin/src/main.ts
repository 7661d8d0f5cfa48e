import { logFormatOf, logLine } from '@provider-access/kernel';
import { declaredFromEnv } from './engines.ts';
import { run } from './program.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A closed pipe, as after `… | head`, is not an error.
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
process.exitCode = await run(process.argv.slice(2), declaredFromEnv(process.env), {
  out: (line) => process.stdout.write(`${line}\n`),
  error: (msg) => {
    // A person who called a command needs the sentence alone.
    const json = logFormatOf(process.env['LOG_FORMAT'], 'text') === 'json';
    const record = { level: 50, time: new Date().toISOString(), name: 'admin', msg } as const;
    process.stderr.write(json ? logLine('json', record) : `${msg}\n`);
  },
});
