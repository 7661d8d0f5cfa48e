import { type DataText, hasNoEscape, scanData } from '../../src/domain/sent-text.ts';

/** The data of an event, as they are scanned when they come as bytes. */
export const scanned = (data: string): DataText =>
  scanData(data, Buffer.byteLength(data) === data.length && hasNoEscape(data));
