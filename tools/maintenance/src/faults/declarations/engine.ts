import type { Fault } from '../fault.ts';

const STATE = 'libs/engines/src/state';
const EMBEDDED = `${STATE}/embedded`;
const VIEWS = 'libs/engines/src/views';
const OF_STATE = [`${EMBEDDED}/embedded.int.spec.ts`];
const OF_VIEWS = [`${VIEWS}/embedded/embedded.int.spec.ts`];

/** The state store or a view breaks a promise of its port. */
export const ENGINE: readonly Fault[] = [
  {
    id: 'put-ignores-the-version',
    what: 'a head is replaced although another process changed it',
    suites: OF_STATE,
    forms: [
      {
        file: `${STATE}/streams.ts`,
        find: 'where: { _id: stream, version: expectedVersion }',
        replace: 'where: { _id: stream }',
      },
      {
        file: `${EMBEDDED}/streams.ts`,
        find: 'if (actual !== expectedVersion) return { ok: false, actual };',
        replace: 'void expectedVersion;',
      },
    ],
  },
  {
    id: 'published-before-the-log',
    what: 'a decided event counts as published while it is in the outbox',
    suites: OF_STATE,
    forms: [
      {
        file: `${STATE}/streams.ts`,
        find: '(head.unpublished ?? Infinity) > version',
        replace: '(head.unpublished ?? Infinity) > 0',
      },
      {
        file: `${EMBEDDED}/streams.ts`,
        find: 'if (open === undefined) return JSON.parse(head.positions) as Positions;',
        replace: 'if (open === undefined || version > 0) return JSON.parse(head.positions) as Positions;',
      },
    ],
  },
  {
    id: 'token-of-a-lease-stands-still',
    what: 'the fencing token of a lease does not grow',
    suites: OF_STATE,
    forms: [
      { file: `${STATE}/leases.ts`, find: 'add: { token: 1 }', replace: 'add: { token: 0 }' },
      { file: `${EMBEDDED}/leases.ts`, find: 'token: (row?.token ?? 0) + 1,', replace: 'token: row?.token ?? 1,' },
    ],
  },
  {
    id: 'lease-taken-from-its-holder',
    what: 'a lease is given to a second holder',
    suites: OF_STATE,
    forms: [
      {
        file: `${STATE}/leases.ts`,
        find: '{ expires: { lte: now } }];',
        replace: '{ expires: { lte: now + ttlMs } }];',
      },
      {
        file: `${EMBEDDED}/leases.ts`,
        find: 'row.holder !== holder && row.expires > now) return undefined;',
        replace: 'row.holder !== holder && row.expires > now + ttlMs) return undefined;',
      },
    ],
  },
  {
    id: 'claim-of-another-owner',
    what: 'a claim replaces that of another owner',
    suites: OF_STATE,
    forms: [
      {
        file: `${STATE}/claims.ts`,
        find: 'owners.set(claim._id, held.owner);',
        replace: 'owners.set(claim._id, claim.owner);',
      },
      {
        file: `${EMBEDDED}/claims.ts`,
        find: 'WHERE owner = excluded.owner OR expires <= ?`',
        replace: 'WHERE owner = excluded.owner OR expires IS NULL OR expires <= ?`',
      },
    ],
  },
  {
    id: 'counter-never-starts-again',
    what: 'a window of a counter never ends',
    suites: OF_STATE,
    forms: [
      { file: `${STATE}/leases.ts`, find: 'resets: { gt: now }', replace: 'resets: { gt: 0 }' },
      { file: `${EMBEDDED}/leases.ts`, find: 'row.resets > now\n', replace: 'row.resets > 0\n' },
    ],
  },
  {
    id: 'work-done-under-an-old-fence',
    what: 'a holder that lost a work item ends it',
    suites: OF_STATE,
    forms: [
      {
        file: `${STATE}/work.ts`,
        find: '_id: idOf(queue, id), fence,',
        replace: '_id: idOf(queue, id), fence: { gte: fence },',
      },
      {
        file: `${EMBEDDED}/work.ts`,
        find: 'AND fence = ? AND done = 0',
        replace: 'AND fence >= ? AND done = 0',
      },
    ],
  },
  {
    id: 'dead-process-is-present',
    what: 'a process that ended stays on the list of present ones',
    suites: OF_STATE,
    forms: [
      {
        file: `${STATE}/presence.ts`,
        find: 'expires: { gt: clock.now() }',
        replace: 'expires: { gt: clock.now() - 3_600_000 }',
      },
      {
        file: `${EMBEDDED}/presence.ts`,
        find: 'WHERE grp = ? AND expires > ? ORDER',
        replace: 'WHERE grp = ? AND expires > ? - 3600000 ORDER',
      },
    ],
  },
  {
    id: 'rebuild-without-comparison',
    what: 'a rebuilt view is swapped in without a comparison',
    suites: OF_VIEWS,
    forms: [
      {
        file: `${VIEWS}/rebuild.ts`,
        find: 'const compared = compare ? await this.#compare(writer, signal) : undefined;',
        replace:
          'const compared = compare && this.#running === undefined ? await this.#compare(writer, signal) : undefined;',
      },
    ],
  },
  {
    id: 'swap-without-a-seal',
    what: 'the live build is written while another one replaces it',
    suites: OF_VIEWS,
    forms: [
      {
        file: `${VIEWS}/embedded/builds.ts`,
        find: 'build === sealed || (build !== live && build !== building)',
        replace: 'build !== live && build !== building',
      },
      {
        file: `${VIEWS}/embedded/builds.ts`,
        find: 'this.#sealed.add(`${collection}/${this.connection.lookup(collection)!.live}`);',
        replace: 'this.#sealed.add(collection);',
      },
      { file: `${VIEWS}/embedded/builds.ts`, find: 'build === sealed || (build !== live', replace: '(build !== live' },
    ],
  },
];
