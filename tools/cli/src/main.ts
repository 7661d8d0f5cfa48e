import { proxyFromEnvironment } from './client/proxy.ts';
import { handleInterrupt } from './interrupt.ts';
import { run } from './program.ts';

handleInterrupt();

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `pa … | head` closes the pipe, which is no fault.
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
// Without `await` at the top level, which the bundle cannot have because it is CommonJS (tools/image/src/pa).
void run(process.argv.slice(2), { before: proxyFromEnvironment }).then((code) => {
  process.exitCode = code;
});
