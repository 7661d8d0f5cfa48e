/**
 * How much one fetch brings. The broker counts compressed bytes. A bulk load is compressed to a 25th, and a batch that
 * repeats itself even to a 10,000th, so decoded bytes have a limit of their own.
 */

/** Compressed bytes of one request. */
export const FETCH_BYTES = 2 * 1024 * 1024;
/** Compressed bytes of one partition in it. A larger batch comes whole, but only as the first one of a request. */
export const PARTITION_BYTES = 1024 * 1024;
/** Compressed bytes of a read of one partition, which may need only a few of the records. */
export const READ_BYTES = 256 * 1024;
/** Decoded bytes of a request before its last batch. */
export const DECODED_BYTES = 32 * 1024 * 1024;
/**
 * Most bytes of one send of a partition before its compression, which is what a handler gets in one batch. A batch that
 * cannot be compressed is larger than a partition's share of a fetch, and comes whole as the first one.
 */
export const BATCH_BYTES = 3_800 * 1024;
