const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/**
 * murmur2 as a signed 32 bit integer, identical to `org.apache.kafka.common.utils.Utils.murmur2`, because a payer's
 * Java producer and this platform must choose the same partition for a member.
 */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  let h = SEED ^ length;
  const blocks = length >> 2;
  for (let i = 0; i < blocks; i++) {
    const at = i << 2;
    let k = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const tail = blocks << 2;
  const rest = length & 3;
  if (rest === 3) h ^= data[tail + 2]! << 16;
  if (rest >= 2) h ^= data[tail + 1]! << 8;
  if (rest >= 1) h = Math.imul(h ^ data[tail]!, M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}

/** The partition of a key as in Kafka's DefaultPartitioner: murmur2 of its UTF-8, sign bit masked, modulo count. */
export function partitionFor(partitionKey: string, partitions: number): number {
  if (partitions === 1) return 0;
  return (murmur2(Buffer.from(partitionKey, 'utf8')) & 0x7fffffff) % partitions;
}
