import type { Db } from 'mongodb';
import { isDuplicate } from '../../mongo/faults.ts';
import { repeated } from './client.ts';

const SEQUENCES = 'state_sequences';

/** The next numbers of a sequence for all processes. A number may be lost, but is never used twice. */
export async function nextNumbers(db: Db, name: string, count = 1): Promise<number> {
  const sequences = db.collection<{ _id: string; value: number }>(SEQUENCES);
  return repeated(async () => {
    for (;;) {
      // Without upsert, because null after a concurrent upsert would look like a missing sequence.
      const found = await sequences.findOneAndUpdate(
        { _id: name },
        { $inc: { value: count } },
        { returnDocument: 'after' },
      );
      if (found !== null) return found.value - count + 1;
      await sequences.insertOne({ _id: name, value: 0 }).catch((error: unknown) => {
        if (!isDuplicate(error)) throw error; // else another process created it
      });
    }
  });
}
