import { GROUPS, namesIn, ofRelease } from '@provider-access/watch';

/** Every series that a rule asks for. */
export const knownNames: ReadonlySet<string> = new Set(GROUPS.flatMap(({ recordings = [], alerts }) => [...recordings, ...alerts].flatMap(({ expr }) => namesIn(expr(ofRelease)).selectors.map(({ metric }) => metric))));
