import { ConfigurationError } from '@provider-access/service/config';
import { expect, test } from 'vitest';
import { CopyRefused } from './backup/copy.ts';
import type { Copies } from './backup/copies.ts';
import { run, type Declared } from './program.ts';
import type { Area, Row } from './report.ts';

const same = (what: string): Row => ({ area: 'topics', what, is: '12', shouldBe: '12', action: 'none' });
const missing: Row = { area: 'topics', what: 'pa.consent', is: 'missing', shouldBe: '12 partitions', action: 'create' };
const partitions: Row = {
  area: 'topics',
  what: 'pa.records partitions',
  is: '6',
  shouldBe: '12',
  action: 'by hand',
  note: 'docs/topics.md says the way.',
};
const index: Row = {
  area: 'views',
  what: 'facts_groups_v1 by_provider',
  is: 'missing',
  shouldBe: 'group.providers',
  action: 'create',
};

/** An engine that remembers what was applied. */
function area(rows: readonly Row[]) {
  const state = { rows: [...rows], applied: 0 };
  return {
    state,
    plan: async () => state.rows,
    async apply() {
      const before = state.rows;
      state.applied++;
      state.rows = before.map((r) => (r.action === 'by hand' ? r : { ...r, is: r.shouldBe, action: 'none' as const }));
      return before;
    },
  };
}
const copies: Copies = {
  target: 'Kafka at k:1',
  dump: (folder, told) => (
    told(`pa.consent: 3 records`),
    folder === 'full'
      ? Promise.reject(new CopyRefused('full is not empty'))
      : Promise.resolve('2026-03-01T00:00:00.000Z')
  ),
  load: () => Promise.resolve('2026-03-01T00:00:00.000Z'),
  accept: ({ reason }) => Promise.resolve(reason === 'nothing' ? 0 : 1),
  acceptLoss: ({ reason }) =>
    Promise.resolve(
      reason === 'nothing'
        ? []
        : [{ group: 'consent-intake', topic: 'payer.member-events', partition: 3, from: 7, to: 12, begun: true }],
    ),
};
interface Said {
  code: number;
  out: string;
  error: string;
}
async function admin(argv: readonly string[], declared: Partial<Declared>): Promise<Said> {
  const said: Said = { code: -1, out: '', error: '' };
  const none = {
    topics: () => ({ target: 'Kafka at k:1', areas: [] }),
    views: () => ({ target: 'MongoDB at m:1', areas: [] }),
    aclOptions: () => ({}),
    copies: () => copies,
  };
  said.code = await run(
    argv,
    { ...none, ...declared },
    { out: (line) => (said.out += `${line}\n`), error: (line) => (said.error += `${line}\n`) },
  );
  return said;
}
const topics = (...rows: readonly Row[]) => {
  const one = area(rows);
  return { one, topics: () => ({ target: 'Kafka at k:1', areas: [one] }) };
};
const fails = (error: unknown) => ({
  topics: () => ({
    target: 'Kafka at k:1',
    areas: [{ plan: () => Promise.reject(error), apply: () => Promise.reject(error) }],
  }),
});

test('plan shows what is, what should be and what would be done, and changes nothing', async () => {
  const { one, ...declared } = topics(same('pa.groups'), missing, partitions);
  const { code, out } = await admin(['topics', 'plan'], declared);
  expect(code).toBe(0);
  expect(out).toMatch(/area +what +is +should be +action/);
  expect(out).toMatch(/topics +pa\.consent +missing +12 partitions +create/);
  expect(out).toMatch(/pa\.records partitions +6 +12 +by hand/);
  expect(out).toContain('docs/topics.md says the way.');
  expect(out).toContain('2 of 3 differ.');
  expect(one.state.applied).toBe(0);
});

test('plan without a part is of all, in order', async () => {
  const views = area([index]);
  const { code, out } = await admin(['plan'], {
    ...topics(missing),
    views: () => ({ target: 'MongoDB at m:1', areas: [views] }),
  });
  expect([code, views.state.applied]).toEqual([0, 0]);
  expect(out).toMatch(/pa\.consent[\s\S]*facts_groups_v1 by_provider[\s\S]*2 of 2 differ\./);
});

test('apply does what it can, says what it did, and exits 2 for what is left to people', async () => {
  const { one, ...declared } = topics(same('pa.groups'), missing, partitions);
  const first = await admin(['topics', 'apply'], declared);
  expect(first.out).toContain('created pa.consent: 12 partitions');
  expect(first.out).toMatch(/Left alone[\s\S]*pa\.records partitions/);
  expect(first.code).toBe(2);
  expect(one.state.rows.filter((r) => r.action !== 'none')).toEqual([partitions]);
});

test('a second apply has nothing to do', async () => {
  const { one, ...declared } = topics(missing);
  expect((await admin(['topics', 'apply'], declared)).code).toBe(0);
  const again = await admin(['topics', 'apply'], declared);
  expect(again).toMatchObject({ code: 0, out: expect.stringContaining('Nothing to do') as string });
  expect(one.state.applied).toBe(2);
});

test('apply alone goes over topics, then views', async () => {
  const order: string[] = [];
  const noting = (name: Row['area']): Area => ({
    plan: async () => [],
    apply: async () => (order.push(name), []),
  });
  await admin(['apply'], {
    topics: () => ({ target: 'k', areas: [noting('topics')] }),
    views: () => ({ target: 'm', areas: [noting('views'), noting('state')] }),
  });
  expect(order).toEqual(['topics', 'views', 'state']);
});

test('verify exits 0 when all is as declared, 2 with what differs', async () => {
  expect(await admin(['verify'], topics(same('pa.groups')))).toMatchObject({ code: 0, out: 'All is as declared.\n' });
  const views = area([index]);
  const differs = await admin(['verify'], {
    ...topics(same('pa.groups')),
    views: () => ({ target: 'm', areas: [views] }),
  });
  expect(differs.code).toBe(2);
  expect(differs.out).toContain('facts_groups_v1 by_provider');
  expect(differs.out).not.toContain('pa.groups');
  expect(views.state.applied).toBe(0);
});

test('--json is one object', async () => {
  const { out } = await admin(['topics', 'plan', '--json'], topics(missing));
  expect(JSON.parse(out)).toEqual({ asDeclared: false, rows: [missing] });
});

test.each([
  [
    Object.assign(new Error('Connection error: connect ECONNREFUSED'), {
      name: 'KafkaJSNumberOfRetriesExceeded',
      cause: Object.assign(new Error('x'), { name: 'KafkaJSConnectionError', code: 'ECONNREFUSED' }),
    }),
    3,
    /^Kafka at k:1 cannot be reached or did not answer \(KafkaJSNumberOfRetriesExceeded, ECONNREFUSED\)/,
  ],
  [Object.assign(new Error('wrapped'), { name: 'EngineUnavailable' }), 3, /cannot be reached/],
  [
    Object.assign(new Error('wrapped'), {
      name: 'EngineUnavailable',
      cause: Object.assign(new Error('no'), { name: 'KafkaJSProtocolError', type: 'TOPIC_AUTHORIZATION_FAILED' }),
    }),
    4,
    /refused these credentials/,
  ],
  [
    Object.assign(new Error('bad password hunter2'), { name: 'KafkaJSSASLAuthenticationError' }),
    4,
    /refused these credentials/,
  ],
  [
    Object.assign(new Error('not authorized on db'), { name: 'MongoServerError', code: 13 }),
    4,
    /refused these credentials/,
  ],
  [Object.assign(new Error('mongodb://user:hunter2@h'), { name: 'MongoServerSelectionError' }), 3, /cannot be reached/],
  [new ConfigurationError('KAFKA_BROKERS: must be set'), 1, /^KAFKA_BROKERS: must be set/],
])('%s exits %i in one sentence without the words of the engine', async (error, code, sentence) => {
  for (const command of [['topics', 'plan'], ['topics', 'apply'], ['verify'], ['apply']]) {
    const said = await admin(command, fails(error));
    expect(said.code).toBe(code);
    expect(said.error).toMatch(sentence);
    expect(said.error).not.toContain('hunter2');
    expect(said.error.trim().split('\n')).toHaveLength(1);
  }
});

test('a bug is thrown, not dressed as an engine', async () => {
  await expect(admin(['topics', 'plan'], fails(new TypeError('x is not a function')))).rejects.toThrow(TypeError);
});

test('a missing setting is named', async () => {
  const said = await admin(['topics', 'plan'], {
    topics: () => {
      throw new ConfigurationError('KAFKA_BROKERS: must be set');
    },
  });
  expect(said).toMatchObject({ code: 1, error: 'KAFKA_BROKERS: must be set\n' });
});

test('acls asks no engine', async () => {
  const nothing = {
    topics: () => {
      throw new Error('asked');
    },
    views: () => {
      throw new Error('asked');
    },
  };
  const script = await admin(['acls', '--principal-prefix', 'User:pa-'], {
    ...nothing,
    aclOptions: () => ({ topicPrefix: 'prod.' }),
  });
  expect(script.code).toBe(0);
  expect(script.out).toContain(
    "--allow-principal 'User:pa-payer' --operation Write --operation Describe --resource-pattern-type literal " +
      "--topic 'prod.payer.member-events'",
  );
  expect((await admin(['acls', '--table'], nothing)).out).toMatch(
    /User:consent +topic +pa\.consent +Read, Write, Describe/,
  );
});

test.each([[[]], [['topics']], [['topics', 'delete']], [['verify', '--now']]])('%j is wrong usage', async (argv) => {
  expect((await admin(argv, {})).code).toBe(1);
});
test('help is not', async () => {
  expect(await admin(['--help'], {})).toMatchObject({ code: 0, out: expect.stringContaining('Exit codes') as string });
});

test.each([
  [['topics', 'dump', 'new'], 0, /pa\.consent: 3 records\nCopied as of 2026-03-01T00:00:00\.000Z\./],
  [['topics', 'dump', 'full'], 1, /^full is not empty$/m],
  [
    ['topics', 'load', 'copy'],
    0,
    /Restored as of 2026-03-01T00:00:00\.000Z\. All reads answer 503 until `topics accept`/,
  ],
  [['topics', 'accept', '--reason', 'published again'], 0, /^Accepted the restore\.$/m],
  [['topics', 'accept', '--reason', 'nothing'], 0, /no restore that waits/],
  [['topics', 'accept'], 1, /--reason/],
  [
    ['topics', 'accept-loss', '--reason', 'published again'],
    0,
    /consent-intake\s+payer\.member-events\/3\s+7 to 11[^]*Accepted/,
  ],
  [['topics', 'accept-loss', '--reason', 'nothing'], 0, /^Nothing was lost/],
  [['topics', 'accept-loss'], 1, /--reason/],
] as const)('%j', async (argv, code, text) => {
  const said = await admin(argv, {});
  expect(said.code).toBe(code);
  expect(said.out + said.error).toMatch(text);
});
