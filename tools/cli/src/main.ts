import { proxyFromEnvironment } from './client/proxy.ts';
import { handleInterrupt } from './interrupt.ts';
import { run } from './program.ts';

handleInterrupt();

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `pa … | head` closes the pipe, which is no fault.
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
process.exitCode = await run(process.argv.slice(2), { before: proxyFromEnvironment });
