import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DomainEvent } from '@provider-access/events';
import { eventually, tokenRequest } from '@provider-access/testing';
import {
  type Answer,
  type Call,
  type Disturbance,
  type Gate,
  json,
  PRACTICES,
  PROVIDERS,
  US,
  World,
} from '@provider-access/testing/promises';
import { Clocks } from '../clocks.ts';
import {
  type Deployment,
  type DeploymentOptions,
  environment,
  type Retired,
  type ServiceProcess,
  startDeployment,
} from '../deployment.ts';
import { type ServiceName, serviceOf } from '../gateway.ts';
import { PATIENT, WAIT } from '../interrupted.ts';
import { openPayerLog, type PayerLog } from '../kafka/payer-log.ts';
import { http, type HttpAnswer } from '../road.ts';
import { LIMITS } from '../world/context.ts';

const HERE = join(import.meta.dirname, '../../..');
/** Kinds of operations that only test doubles of the engines support, because the broker's clock cannot be moved. */
export const IMPOSSIBLE = ['partial append', 'time passes'] as const;
const INSTANCES = { attribution: 2, consent: 2, resources: 2, export: 2 };
/** Time passes between the query and its comparison with the model: at most so many ms where it matters. */
const ASKING_MS = 5_000;
/** A token is renewed after it, ms. It lives for five minutes, and clocks differ by one. */
const TOKEN_MS = 120_000;
/** Without a client's token, nothing is shown. */
const NO_TOKEN = 'none';
/** A client's assertion lives for minutes, so the clock of `auth` differs from its own by less. */
const AUTH_BEHIND_MS = -60_000;
/** Callers of /metrics share an answer that is at most so old. */
const METRICS_MS = 1_000;
/** Topics that decide nothing. */
const EVIDENCE = /topic="pa\.(?:audit|service-levels)"/;
/** What an approved client may request from each of these services. */
const ANYTHING = [
  ['resources', '/fhir/Patient?_id=nobody'],
  ['attribution', '/fhir/Group?identifier=nobody'],
  ['export', '/fhir/bulk/jobs/nobody'],
] as const;

const answerOf = (answer: HttpAnswer): Answer => ({ ...answer, body: answer.body.toString('utf8') });

/**
 * Separate processes over Kafka and the MongoDB-compatible server. While sequences run, the test kills processes with
 * -9, moves their clocks, and replaces all of them in a roll-out.
 */
export class ProcessWorld extends World {
  readonly completeAtOnce = false;
  readonly attachmentBytes = 65 * 1024;
  protected readonly payerToken: string;
  protected readonly administratorToken: string;
  readonly #platform: Deployment;
  readonly #log: PayerLog;
  readonly #clocks: Clocks;
  /** By process. */
  readonly #skews = new Map<ServiceProcess, number>();
  readonly #held = new Map<number, { readonly approvals: number; readonly until: number; readonly token: string }>();
  /** While it runs, or after it has failed. */
  #replacing: Promise<void> | undefined;
  #rolling: Promise<void> | undefined;
  #retired: readonly Retired[] = [];

  private constructor(platform: Deployment, log: PayerLog, clocks: Clocks) {
    super();
    this.#platform = platform;
    this.#log = log;
    this.#clocks = clocks;
    this.payerToken = platform.payerToken;
    this.administratorToken = platform.administratorToken;
  }
  static async start(dataDir: string): Promise<ProcessWorld> {
    const clocks = new Clocks();
    const env = {
      ...LIMITS,
      ...PATIENT,
      ...clocks.env,
      ATTACHMENT_INLINE_KIB: '64',
      EXPORT_CHUNK_MEMBERS: '2',
      EXPORT_LEASE_SECONDS: '2',
      AUTH_REFUSALS_PER_MINUTE: '100000',
      PAYER_IDENTIFIERS: US,
    };
    const options: DeploymentOptions = { dataDir, env, instances: INSTANCES };
    const platform = await startDeployment(options);
    const log = await openPayerLog(environment(options, platform.base));
    const world = new ProcessWorld(platform, log, clocks);
    try {
      await world.openPractices();
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }
  async stop(): Promise<void> {
    await Promise.allSettled([this.#replacing, this.#rolling]);
    await Promise.all([this.#platform.kill(), this.#log.close()]);
    this.#clocks.dispose();
  }

  get now(): number {
    return Date.now();
  }
  skews(): readonly number[] {
    const there = this.#platform.processes();
    return [-ASKING_MS, ASKING_MS, ...there.map((process) => this.#skews.get(process) ?? 0)];
  }
  protected override get patienceMs(): number {
    return WAIT.timeout;
  }
  protected again(): Promise<unknown> {
    return sleep(100);
  }
  #of(service: ServiceName | undefined): readonly ServiceProcess[] {
    return this.#platform.processes().filter((process) => process.service === service);
  }
  /** Without the gateway, so that the test chooses the process. */
  async request(target: string, call: Call = {}, via = 0): Promise<Answer | undefined> {
    const { base } = this.#platform;
    const path = target.startsWith(base) ? target.slice(base.length) : target;
    const there = this.#of(serviceOf(path.split('?')[0]!));
    return there.length === 0 ? undefined : ask(there[via % there.length]!, path, call);
  }
  append(event: DomainEvent): Promise<void> {
    return this.#log.append(event);
  }

  /** The token that `auth` gives the client now, or else the one from before. */
  async token(client: number): Promise<string> {
    const held = this.#held.get(client);
    if (held?.approvals === this.clients[client]!.approvals && this.now < held.until) return held.token;
    await this.#askForToken(client);
    return this.#held.get(client)?.token ?? NO_TOKEN;
  }
  async #askForToken(client: number): Promise<Answer | undefined> {
    const { id, key, approvals } = this.clients[client]!;
    const now = Math.floor(this.now / 1000);
    const claims = { iat: now, exp: now + 180 };
    const exchanged = tokenRequest({ clientId: id, key }, this.#platform.base, claims);
    const answer = await this.request('/auth/token', exchanged);
    if (answer?.status === 200) {
      const token = json(answer).access_token as string;
      this.#held.set(client, { approvals, until: this.now + TOKEN_MS, token });
    }
    return answer;
  }
  /**
   * Resolves when each process knows about the approval. An approval only permits, so an answer before that is not
   * wrong.
   */
  override async approve(client: number, via: number): Promise<Answer> {
    const answer = await super.approve(client, via);
    await eventually(
      async () => {
        const given = await this.#askForToken(client);
        // It is approved, and its practice is not in the network.
        if (given?.status === 400 && given.body.includes('unauthorized_client')) return;
        if (given?.status !== 200) throw new Error(`auth answers ${given?.status} ${given?.body}`);
        const token = await this.token(client);
        for (const [service, path] of ANYTHING)
          for (const process of this.#of(service)) {
            const { status, body } = (await ask(process, path, { token })) ?? { status: 503, body: 'it ended' };
            if (status === 401 || status === 503) throw new Error(`${service} answers ${status} ${body}`);
          }
      },
      { ...WAIT, what: 'every process knows that the client is approved' },
    );
    return answer;
  }

  /** For `resources` the records that it shows, for `attribution` the explanation. */
  async gates(client: number, members: readonly string[]): Promise<readonly Gate[]> {
    const { id } = this.clients[client]!;
    const token = await this.token(client);
    const shown = this.#of('resources').map(async (process, i): Promise<Gate> => {
      const answer = await ask(process, `/fhir/Condition?patient=${members.join(',')}`, { token });
      const text = answer?.status === 200 ? answer.body : '';
      return { where: `resources ${i}`, permits: members.filter((member) => text.includes(`"Patient/${member}"`)) };
    });
    const explained = this.#of('attribution').map(async (process, i): Promise<Gate> => {
      const permits: string[] = [];
      for (const member of members) {
        const url = `/ops/explain?client=${encodeURIComponent(id)}&member=${member}`;
        const answer = await ask(process, url, { token: this.administratorToken });
        if (answer?.status === 200 && json(answer).now.decision === 'permit') permits.push(member);
      }
      return { where: `attribution ${i}`, permits };
    });
    return Promise.all([...shown, ...explained]);
  }
  async group(client: number, contract: string): Promise<string | undefined> {
    const npi = encodeURIComponent(`http://hl7.org/fhir/sid/us-npi|${PROVIDERS[PRACTICES[client]!].npi}`);
    return eventually(
      async () => {
        const answer = await this.read(`/fhir/Group?identifier=${npi}&identifier=${contract}`, client, 0);
        return (json(answer).entry?.[0]?.resource.id as string | undefined) ?? false;
      },
      { ...WAIT, what: 'the Group is there' },
    );
  }

  /** In each process the facts are confirmed up to now, and then no group or view has anything to read. */
  async caughtUp(): Promise<void> {
    const since = performance.now();
    let behind: readonly string[] = [];
    const look = async (): Promise<boolean> => {
      const asked = performance.now() - since;
      behind = (await Promise.all(this.#platform.processes().map((process) => behindOf(process, asked)))).flat();
      return behind.length === 0;
    };
    await eventually(look, { ...WAIT, what: 'every process has read everything' }).catch((error: unknown) => {
      throw new Error(behind.join(', '), { cause: error });
    });
  }

  async disturb(what: Disturbance): Promise<void> {
    switch (what.op) {
      case 'kill': {
        const there = this.#of(what.module);
        if (this.#replacing !== undefined || this.#rolling !== undefined) break;
        this.#replacing = this.#platform.replace(there[what.instance % there.length]!).then(() => {
          this.#replacing = undefined;
        });
        // Its failure is thrown where it is awaited.
        this.#replacing.catch(() => undefined);
        break;
      }
      case 'clock': {
        const one = this.#of(what.module)[what.instance];
        const ms = what.seconds * 1000;
        if (one !== undefined) await this.#move(one, what.module === 'auth' ? Math.max(ms, AUTH_BEHIND_MS) : ms);
        break;
      }
      case 'rebuild':
        await this.rebuild(what);
        break;
      case 'roll-out':
        await this.#replacing;
        this.#rolling = this.#platform.roll(HERE).then((retired) => {
          this.#rolling = undefined;
          this.#retired = retired;
          console.info(`the roll-out has replaced ${retired.length} processes`);
        });
        this.#rolling.catch(() => undefined);
        break;
      case 'partial append':
      case 'time passes':
        throw new Error(`${what.op} is not possible on real engines`);
    }
  }
  async #move(process: ServiceProcess, ms: number): Promise<void> {
    this.#skews.set(process, ms);
    // A process that has ended, or ends now, reads no clock.
    await Promise.race([this.#clocks.set(process.pid(), ms), process.ended]);
  }
  async afterwards(): Promise<void> {
    // Replaces killed processes while the sequence runs.
  }
  /** A roll-out continues meanwhile. */
  async calm(): Promise<void> {
    await this.#replacing;
    for (const process of this.#platform.processes())
      if ((this.#skews.get(process) ?? 0) !== 0) await this.#move(process, 0);
  }
  async work(): Promise<void> {
    await sleep(100);
  }
  async rest(): Promise<void> {
    // Members and payers of the next sequence have other names.
  }
  /** Resolves at the end of the roll-out. */
  async rolledOut(): Promise<readonly Retired[]> {
    await this.#rolling;
    return this.#retired;
  }
}

/** undefined: the process ended before it answered. */
const ask = ({ base }: ServiceProcess, path: string, call: Call = {}): Promise<Answer | undefined> =>
  http(`${base}${path}`, call, 1).then(answerOf, () => undefined);

/** What a process has not read yet. `ms`: how old its facts may be. */
async function behindOf(process: ServiceProcess, ms: number): Promise<readonly string[]> {
  const name = `${process.service} ${process.pid()}`;
  const [ready, page] = await Promise.all([ask(process, '/health/ready'), ask(process, '/metrics')]);
  if (ready?.status !== 200) return [`${name}: ${ready?.body ?? 'does not answer'}`];
  const found: string[] = [];
  const { body = '' } = page ?? {};
  for (const [row, seconds] of body.matchAll(/^pa_facts_age_seconds\{.*\} (\S+)$/gm))
    if (Number(seconds) * 1000 + METRICS_MS > ms) found.push(`${name}: ${row}`);
  for (const [row, records] of body.matchAll(/^pa_(?:log|view)_lag_records\{.*\} (\S+)$/gm))
    if (Number(records) > 0 && !EVIDENCE.test(row)) found.push(`${name}: ${row}`);
  return found;
}
