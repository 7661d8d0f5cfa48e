import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { commitOf } from './build.ts';
import { createProgram, run } from './program.ts';

// Loads all modules here, because a test has a limit of time.
await createProgram();

const NPI = '1234567893';
let said = '';
beforeEach(() => {
  said = '';
  const take = (text: string | Uint8Array): boolean => ((said += String(text)), true);
  vi.spyOn(process.stdout, 'write').mockImplementation(take);
  vi.spyOn(process.stderr, 'write').mockImplementation(take);
  vi.stubEnv('PA_PAYER_TOKEN', 't');
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test.each([
  [['--help'], 0, /Exit codes: 0 done/],
  [['publish', '--help'], 0, /--explain/],
  [['topics', 'plan', '--help'], 0, /KAFKA_BROKERS[\s\S]*2 something differs/],
  [['views', '--help'], 0, /rebuild[\s\S]*plan[\s\S]*apply/],
  [['acls', '--help'], 0, /kafka-acls\.sh/],
  [['nonsense'], 2, /unknown command 'nonsense'/],
  [['publish'], 2, /missing required argument/],
  [['publish', 'no/such/file'], 2, /no\/such\/file does not exist/],
  [['opt-out', '--member', ' '], 2, /--member is empty/],
  [['opt-out', '--member', 'm', '--by', 'nobody'], 2, /--by is one of member/],
  [['network', '--npi', NPI, '--status', 'maybe'], 2, /--status is one of/],
  [['attribute', '--member', 'm'], 2, /--npi or --tin/],
  [['generate', '--members', '0', '--out', 'x'], 2, /above 0/],
  [['token'], 2, /--app FILE/],
  [['token', '--scope', 'system/Patent.rs'], 2, /--scope system\/Patent\.rs is no scope/],
  [['exports', '--scope', ' '], 2, /--scope is empty/],
  [['exports', '--scope', 'system/*.rs '.repeat(400)], 2, /longer than 4000 characters/],
  [['token', '--app', 'no.json'], 2, /no.json cannot be read \(ENOENT\)/],
  [['--server', 'here', 'views', 'list'], 2, /not a URL/],
  [['--server', 'http://127.0.0.1:9', 'opt-in', '--member', 'm'], 3, /cannot be reached/],
  [['--data-dir', 'nowhere', 'views', 'list'], 4, /no administrator token: set PA_ADMINISTRATOR_TOKEN/],
])('pa %s exits %i', async (args, code, sentence) => {
  expect(await run(args)).toBe(code);
  expect(said).toMatch(sentence);
  expect(said).not.toMatch(/^\s+at /m);
});

test.each([
  [['--json', 'publish', 'no/such/file'], 2, 'no/such/file does not exist'],
  [['publish', '--json'], 2, "missing required argument 'path'"],
  [['--json', '--server', 'http://127.0.0.1:9', 'opt-in', '--member', 'm', '--force'], 3, 'cannot be reached'],
])('pa %j prints its error as one JSON value on standard output', async (args, exitCode, message) => {
  vi.mocked(process.stderr.write).mockImplementation(() => true);
  expect(await run(args)).toBe(exitCode);
  expect(JSON.parse(said)).toEqual({ error: { exitCode, message: expect.stringContaining(message) as string } });
});

test.each(['-V', '--version'])('%s prints the line that a bug report needs (U4)', async (option) => {
  expect(await run([option])).toBe(0);
  const { node } = process.versions;
  const version = /^(\d+\.\d+\.\d+) \((.+), checkout, Node (.+), (.+)\)\n$/.exec(said);
  expect(version?.slice(2)).toEqual([commitOf('.'), node, `${process.platform}-${process.arch}`]);
  expect(version?.[2]).toMatch(/^[0-9a-f]{8,}(-dirty)?$|^commit unknown$/);
});

test('a fault of pa prints the build beside its stack, and is one JSON value with --json (U4)', async () => {
  const before = (): never => {
    throw new TypeError('x is not a function');
  };
  expect(await run(['slo'], { before })).toBe(1);
  expect(said).toMatch(
    /^pa: This is a fault of pa\..*\npa \d+\.\d+\.\d+ \(.*\)\nTypeError: x is not a function\n\s+at /,
  );
  said = '';
  vi.mocked(process.stderr.write).mockImplementation(() => true);
  await run(['slo', '--json'], { before });
  expect(JSON.parse(said)).toMatchObject({ error: { exitCode: 1 } });
});
