import { answerCalls } from '../../src/threads/index.ts';

/** Adds bytes. An empty task ends the thread, and a first byte of 0 throws. */
answerCalls((bytes: Uint8Array) => {
  if (bytes.length === 0) process.exit(1);
  if (bytes[0] === 0) throw new RangeError('the message stays in the thread');
  return bytes.reduce((sum, byte) => sum + byte, 0);
});
