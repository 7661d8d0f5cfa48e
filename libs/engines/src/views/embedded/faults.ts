import { sqliteFault } from '../../log/embedded/index.ts';

export const asFault = (error: unknown): unknown => sqliteFault(error, 'view store');
