/** What a person should know after Ctrl-C. A command replaces it while its work can continue later. */
let sentence = 'Stopped. A request that was sent may still take effect.';

export const EXPORT_STOPPED =
  'Stopped. The export goes on at the server. Run the same command again: it continues where it stopped.';
export const MATCH_STOPPED =
  'Stopped. The match goes on at the server, where `pa exports` lists it. The same command starts a new one.';
export const PUBLISH_STOPPED =
  'Stopped. What was accepted is stored. Run the same command again: events that are stored change nothing.';
export function afterInterrupt(text: string): void {
  sentence = text;
}

/** 128 and the number of SIGINT, as shells have it. */
const INTERRUPTED = 130;

/** Ends the process at Ctrl-C with a sentence, unless the command has a handler of its own. */
export function handleInterrupt(): void {
  process.on('SIGINT', () => {
    if (process.listenerCount('SIGINT') > 1) return;
    process.stderr.write(`\npa: ${sentence}\n`);
    process.exit(INTERRUPTED);
  });
}
