import { onEndOfParent } from '../src/end-of-parent.ts';

/** Says its process id, and ends with 0 once its parent has ended. */
onEndOfParent(process.ppid, () => {
  process.stdout.write('ended\n');
  process.exit(0);
});
setInterval(() => undefined, 1000);
process.stdout.write(`${process.pid}\n`);
