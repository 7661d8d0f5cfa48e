import type { webcrypto } from 'node:crypto';
import { type DomainEvent, toStructured } from '@provider-access/events';
import { clientAssertion, eventually, exchange, newAppKey } from '@provider-access/testing';
import { ADMINISTRATOR_TOKEN, PAYER_TOKEN, type Answer, type Call, PUBLIC_URL } from './platform-process.ts';
import { NEWS, OPT_OUT, PROVIDER, UNREADABLE } from './payer.ts';
import type { Stores } from './stores.ts';
import type { ManualClock, Running } from './world.ts';

/** The memory of the platform's clients, as plain data, so that it can be copied at the moment of a death. */
export interface Known {
  /** Number of steps that are done. */
  done: number;
  /** Number of requests by kind: all sent ones, and those with a successful answer. */
  sent: Record<string, number>;
  answered: Record<string, number>;
  /** Receipts of requests whose events were all acknowledged. */
  receipts: { readonly receipt: string; readonly events: readonly string[] }[];
  client?: string;
  key?: webcrypto.JsonWebKey;
  registrationToken?: string;
  token?: string;
  /** A client assertion that was exchanged for a token. */
  used?: string;
  group?: string;
  job?: string;
  files?: { readonly type: string; readonly url: string; readonly count: number }[];
  /** Lines of each file, by URL. */
  lines: Record<string, readonly string[]>;
}
export const nothingKnown = (): Known => ({ done: 0, sent: {}, answered: {}, receipts: [], lines: {} });

export interface Scene extends Running {
  readonly stores: Stores;
  readonly clock: ManualClock;
  readonly known: Known;
}
interface Step {
  readonly name: string;
  run(scene: Scene): Promise<void>;
}
const json = <T>(answer: Answer): T => JSON.parse(answer.body) as T;

/** An answer that the contract does not allow. Waiting longer would not help. */
class Unexpected extends Error {
  override readonly name = 'Unexpected';
}
/** Eight processes on a machine with a load of 120 need more than the minute that `eventually` waits. */
const PATIENCE_MS = 300_000;
/** Like `eventually`, but ends at once at an Unexpected answer. */
async function until<T>(what: string, attempt: () => Promise<T | false>): Promise<T> {
  const outcome = await eventually(
    async () => {
      try {
        const value = await attempt();
        return value !== false && { value };
      } catch (error) {
        if (error instanceof Unexpected) return { error };
        throw error;
      }
    },
    { what, timeout: PATIENCE_MS },
  );
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}
/** Repeats a request while the answer is "repeat the request". Counts the requests under `kind`. */
function ask(
  { process, known }: Scene,
  kind: string,
  url: string,
  call: Call = {},
  expected: readonly number[] = [200],
): Promise<Answer> {
  return until(`${kind} is answered`, async () => {
    known.sent[kind] = (known.sent[kind] ?? 0) + 1;
    const answer = await process.request(url, call);
    if (answer.status === 503) return false;
    if (!expected.includes(answer.status))
      throw new Unexpected(`${kind}: ${call.method ?? 'GET'} ${url} was answered ${answer.status} ${answer.body}`);
    known.answered[kind] = (known.answered[kind] ?? 0) + 1;
    return answer;
  });
}

const asJson = (body: unknown): Pick<Call, 'headers' | 'body'> => ({
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

/** Publishes events in one request, until all of them are acknowledged. */
export async function publish(
  scene: Scene,
  events: readonly DomainEvent[],
  status: 'accepted' | 'effective' = 'accepted',
): Promise<void> {
  const body = events.map((event) => JSON.stringify(toStructured(event))).join('\n');
  await until('the events are acknowledged', async () => {
    const answer = await ask(scene, 'publish', '/events', {
      method: 'POST',
      token: PAYER_TOKEN,
      headers: { 'content-type': 'application/x-ndjson' },
      body,
    });
    const rows = answer.body
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as {
            readonly status?: string;
            readonly receipt?: string;
            readonly summary?: { readonly complete: boolean; readonly receipt: string };
          },
      );
    const { summary } = rows.pop()!;
    if (!summary!.complete) return false;
    scene.known.receipts.push({ receipt: summary!.receipt, events: events.map((event) => event.id) });
    // An event that became a dead letter is acknowledged too.
    return rows.every((row) => [status, 'effective', 'parked'].includes(row.status ?? ''));
  });
}
/** Waits until receipts have the outcome of every acknowledged event. */
export async function handled(scene: Scene): Promise<void> {
  await atRest(scene);
  for (const { receipt, events } of scene.known.receipts) {
    await until(
      'the events of a receipt are handled',
      async () =>
        json<{ handled: number }>(await ask(scene, 'receipt', `/events/receipts/${receipt}`, { token: PAYER_TOKEN }))
          .handled >= events.length,
    );
  }
}
export const atRest = ({ idle }: Pick<Running, 'idle'>): Promise<boolean> =>
  until('every consumer group has committed what is in its topics', async () => idle());
/** Waits until the log has an event of a type. Polling the status instead would add kill points. */
const inLog = (scene: Scene, topic: string, type: string): Promise<boolean> =>
  until(`${type} is in the log`, async () =>
    scene.stores
      .records(topic)
      .flat()
      .some(({ headers }) => headers['ce_type'] === type),
  );

const STEPS: readonly Step[] = [
  ...NEWS.map((events) => ({ name: 'the payer publishes news', run: (scene: Scene) => publish(scene, events) })),
  { name: 'the news are handled', run: handled },
  {
    name: 'an app registers',
    async run(scene) {
      // New with each attempt, because a registration whose answer was lost has its key (ADR 0062).
      const { key, publicJwk } = newAppKey();
      const metadata = {
        client_name: 'An app',
        jwks: { keys: [publicJwk] },
        scope: 'system/*.rs',
        contacts: ['mailto:dev@app.example'],
        npi: PROVIDER.npi,
        tin: PROVIDER.tin,
      };
      const { client_id, registration_access_token } = json<Record<string, string>>(
        await ask(scene, 'register', '/auth/register', { method: 'POST', ...asJson(metadata) }, [201]),
      );
      Object.assign(scene.known, { client: client_id, key, registrationToken: registration_access_token });
    },
  },
  {
    name: 'the administrator approves the app',
    run: async (scene) =>
      void (await ask(scene, 'approve', `/auth/clients/${scene.known.client}/approve`, {
        method: 'POST',
        token: ADMINISTRATOR_TOKEN,
        ...asJson({
          confirm: [PROVIDER.npi, PROVIDER.tin],
          identifiers: [
            { npi: PROVIDER.npi, evidence: 'a test' },
            { tin: PROVIDER.tin, evidence: 'a test' },
          ],
        }),
      })),
  },
  {
    name: 'the app gets a token',
    async run(scene) {
      const iat = Math.floor(scene.clock.now() / 1000);
      const app = { clientId: scene.known.client!, key: scene.known.key! };
      const used = clientAssertion(app, `${PUBLIC_URL}/auth/token`, { iat, exp: iat + 240 });
      const { access_token: token } = json<Record<string, string>>(
        await ask(scene, 'token', '/auth/token', exchange(used)),
      );
      Object.assign(scene.known, { token, used });
    },
  },
  {
    name: 'the app finds its Group',
    async run(scene) {
      const { token } = scene.known;
      const search = `/fhir/Group?identifier=${encodeURIComponent(`http://hl7.org/fhir/sid/us-npi|${PROVIDER.npi}`)}`;
      const group = await until(
        'the Group is found',
        async () =>
          json<{ entry?: { resource: { id: string } }[] }>(await ask(scene, 'group', search, { token: token! }))
            .entry?.[0]?.resource ?? false,
      );
      scene.known.group = group.id;
    },
  },
  {
    name: 'the app starts an export',
    async run(scene) {
      const { token, group } = scene.known;
      const answer = await ask(
        scene,
        'kick-off',
        `/fhir/Group/${group}/$export?_type=Patient,Observation,Practitioner`,
        { token: token!, headers: { prefer: 'respond-async' } },
        [202],
      );
      scene.known.job = String(answer.headers['content-location']);
    },
  },
  { name: 'a member opts out', run: (scene) => publish(scene, [OPT_OUT], 'effective') },
  {
    name: 'the export is complete',
    async run(scene) {
      const { token, job } = scene.known;
      await inLog(scene, 'pa.exports', 'pa.export-sealed.v1');
      const answer = await until('the export is complete', async () => {
        const asked = await ask(scene, 'status', job!, { token: token! }, [200, 202]);
        return asked.status === 200 && asked;
      });
      scene.known.files = json<{ output: { type: string; url: string; count: number }[] }>(answer).output;
    },
  },
  {
    name: 'the app downloads the files',
    async run(scene) {
      const { token, files, lines } = scene.known;
      for (const { url } of files!) {
        if (lines[url] !== undefined) continue;
        const answer = await ask(scene, 'download', url, { token: token!, headers: { 'accept-encoding': 'identity' } });
        lines[url] = answer.body.split('\n').filter((line) => line !== '');
      }
    },
  },
  {
    name: 'the administrator discards the unreadable opt-out',
    async run(scene) {
      const { deadLetters } = json<{ deadLetters: { id: string; event: string }[] }>(
        await ask(scene, 'dead-letters', '/events/dead-letters?status=open', { token: ADMINISTRATOR_TOKEN }),
      );
      for (const { id } of deadLetters.filter(({ event }) => event === UNREADABLE.id))
        // After a 503 the request is sent again, and 409 says that the first one has discarded it.
        await ask(
          scene,
          'discard',
          `/events/dead-letters/${id}/discard`,
          { method: 'POST', token: ADMINISTRATOR_TOKEN, ...asJson({ reason: 'the member did not mean it' }) },
          [200, 409],
        );
    },
  },
];

/** Continues the story with the next step of the clients. */
export async function goOn(scene: Scene): Promise<void> {
  while (scene.known.done < STEPS.length) {
    const step = STEPS[scene.known.done]!;
    await step.run(scene).catch((error: unknown) => {
      throw new Error(`${step.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    });
    scene.known.done += 1;
  }
}
