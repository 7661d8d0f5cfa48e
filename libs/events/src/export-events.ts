import { z } from 'zod';

/** pa.exports: a job's life (ARCHITECTURE §6). Key is the job id; `jobVersion` is the stream version readers deduplicate by. */
const position = z.record(z.string(), z.array(z.int()));
export const exportRequested = z.object({
  job: z.string(), client: z.string(), group: z.string(), operation: z.enum(['$export', '$davinci-data-export']), request: z.string(),
  types: z.array(z.string()).optional(), since: z.string().optional(), exportType: z.string().optional(), positions: position, transactionTime: z.string(), requestedAt: z.string(),
});
export const exportPlanned = z.object({ job: z.string(), members: z.int(), chunks: z.int(), plan: z.string() });
export const exportChunkWritten = z.object({ job: z.string(), chunk: z.int(), fence: z.int(), parts: z.array(z.object({ name: z.string(), type: z.string(), resources: z.int(), bytes: z.int() })), refused: z.int() });
export const exportSealed = z.object({ job: z.string(), parts: z.array(z.string()), dropped: z.array(z.string()), sealedAt: z.string(), expiresAt: z.string() });
export const exportEnded = z.object({ job: z.string(), reason: z.string(), at: z.string() });
export const exportDownloaded = z.object({ job: z.string(), file: z.string(), at: z.string(), bytes: z.int() });

export type ExportRequested = z.infer<typeof exportRequested>;
export type ExportPlanned = z.infer<typeof exportPlanned>;
export type ExportChunkWritten = z.infer<typeof exportChunkWritten>;
export type ExportSealed = z.infer<typeof exportSealed>;
export type ExportEnded = z.infer<typeof exportEnded>;
export type ExportDownloaded = z.infer<typeof exportDownloaded>;

export const EXPORT_EVENTS = {
  'pa.export-requested.v1': { topic: 'pa.exports', schema: exportRequested },
  'pa.export-planned.v1': { topic: 'pa.exports', schema: exportPlanned },
  'pa.export-chunk-written.v1': { topic: 'pa.exports', schema: exportChunkWritten },
  'pa.export-sealed.v1': { topic: 'pa.exports', schema: exportSealed },
  'pa.export-withdrawn.v1': { topic: 'pa.exports', schema: exportEnded },
  'pa.export-cancelled.v1': { topic: 'pa.exports', schema: exportEnded },
  'pa.export-failed.v1': { topic: 'pa.exports', schema: exportEnded },
  'pa.export-expired.v1': { topic: 'pa.exports', schema: exportEnded },
  'pa.export-downloaded.v1': { topic: 'pa.exports', schema: exportDownloaded },
} as const satisfies Record<string, { topic: string; schema: z.ZodType }>;
