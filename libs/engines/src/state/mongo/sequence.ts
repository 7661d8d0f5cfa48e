import type { Db } from 'mongodb';
import { guarded, isDuplicate, repeated } from './client.ts';

const SEQUENCES = 'state_sequences';

/** Numbers that only grow, for every process: one document each. A number may be lost, none comes twice. */
export async function nextNumbers(db: Db, name: string, count = 1): Promise<number> {
  const sequences = db.collection<{ _id: string; value: number }>(SEQUENCES);
  return repeated(async () => {
    for (;;) {
      // Without upsert: a server that answers a raced upsert with null would look like one that lost a number.
      const found = await guarded(() =>
        sequences.findOneAndUpdate({ _id: name }, { $inc: { value: count } }, { returnDocument: 'after' }),
      );
      if (found !== null) return found.value - count + 1;
      await guarded(() => sequences.insertOne({ _id: name, value: 0 }), isDuplicate).catch((error: unknown) => {
        if (!isDuplicate(error)) throw error; // else another made it
      });
    }
  });
}
