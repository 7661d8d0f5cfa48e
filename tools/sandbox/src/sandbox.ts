import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolder } from '@provider-access/kernel/folders';
import { approveOwn, type AppFile, itemOf, publish, registerOwn, Server, writeSecret } from '@provider-access/cli';
import type { DomainEvent } from '@provider-access/events';
import { exportPKCS8, importJWK, type JWK } from 'jose';
import { SandboxPayer } from './payer.ts';

export interface SandboxOptions {
  /** Base URL of the payer's routes, `/events`. */
  readonly payerUrl: string;
  /** Base URL of `/auth`, where apps register and a reviewer decides. */
  readonly authUrl: string;
  /** Base URL that providers use. */
  readonly publicUrl: string;
  readonly payerToken: () => string;
  readonly administratorToken: () => string;
  /** Folder of the ready clients. Files get mode 0600. */
  readonly folder: string;
  /** Members of the synthetic payer. */
  readonly members: number;
  /** How many events the payer publishes each minute after its history. 0: none. */
  readonly eventsPerMinute: number;
  /** Whether to register and approve two clients, whose keys are in the folder. Default: true. */
  readonly readyClients?: boolean;
  /** Where people look at the sandbox in a browser, if they can reach its files. */
  readonly pages?: {
    /** Address of the pages for staff. */
    readonly url: string;
    /** File with the token that signs in there. */
    readonly tokenFile: string;
    /** For `pa --data-dir`. */
    readonly dataDir: string;
  };
  /** A sentence for people about what the sandbox does. */
  readonly say: (sentence: string) => void;
  /** A sentence for people about what the sandbox cannot do. */
  readonly warn: (sentence: string) => void;
  /** ms between two looks at new registrations. Default 500. */
  readonly reviewEveryMs?: number;
  /** ms to wait after a fault. Default 2000. */
  readonly againMs?: number;
}

/** A client that the sandbox registered and approved. Paths are of files in its folder. */
interface ReadyClient {
  readonly name: string;
  readonly client_id: string;
  readonly npi: string;
  /** The private key as a JWK. */
  readonly key: string;
  /** The same key in PEM, for openssl. */
  readonly pem: string;
  /** For `pa --app`. */
  readonly app: string;
}
export interface SandboxState {
  /** `ready`: the clients are approved, and the members and their newest data are there. */
  readonly status: 'publishing' | 'ready';
  /** Older data. `of` is known once the sandbox is ready. */
  readonly history: { readonly status: 'publishing' | 'complete'; readonly published: number; readonly of?: number };
  readonly members: number;
  readonly clients: readonly ReadyClient[];
}

/** What the folder remembers between two starts. */
interface Kept {
  /** The members and their newest data. A sandbox of an earlier release does not have it. */
  readonly newest?: boolean;
  /** Everything. */
  readonly published: boolean;
  readonly clients: readonly ReadyClient[];
}
const READY = [
  { file: 'clinic-a', organization: 0 },
  { file: 'clinic-b', organization: 1 },
] as const;
const REVIEW_EVERY_MS = 500;
/** ms that the sandbox waits after a fault, because the platform may be starting or stopping. */
const AGAIN_MS = 2000;
/** After so many equal faults the operator needs to know. A platform that starts or stops causes fewer. */
const FAULTS_TOLD = 30;
/** Events that are on their way at once. Reads stay fresh, because intake has soon handled them (FACTS_BOUND_MS). */
const AT_ONCE = 500;
/** One line for so many events of the history. */
const TOLD_EVERY = 5000;
/** The id that the synthetic payer gives to its first member. */
const FIRST_MEMBER = 'm-000001';
const number = new Intl.NumberFormat('en');
/** At most this many missed events are published after a pause. */
const CATCH_UP = 100;

/**
 * The synthetic payer, the provider apps and the reviewer of a sandbox. It uses the same routes as everybody else, with
 * the tokens of the payer and of the administrator. Nothing in the services approves an app by itself.
 */
export class Sandbox {
  readonly #options: SandboxOptions;
  readonly #payer: SandboxPayer;
  readonly #events: Server;
  readonly #auth: Server;
  readonly #ending = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  /** Events of the history that are published. */
  #sent = 0;
  #kept: Kept;
  readonly #file: string;
  /** The clients to make. */
  readonly #ready: readonly (typeof READY)[number][];

  constructor(options: SandboxOptions) {
    this.#options = options;
    this.#ready = options.readyClients === false ? [] : READY;
    this.#payer = new SandboxPayer(options.members);
    this.#events = new Server(options.payerUrl);
    this.#auth = new Server(options.authUrl);
    makeFolder(options.folder, 0o700);
    this.#file = join(options.folder, 'sandbox.json');
    this.#kept = existsSync(this.#file)
      ? (JSON.parse(readFileSync(this.#file, 'utf8')) as Kept)
      : { published: false, clients: [] };
  }

  state(): SandboxState {
    const { newest, published, clients } = this.#kept;
    return {
      status: (newest === true || published) && clients.length === READY.length ? 'ready' : 'publishing',
      history: {
        status: published ? 'complete' : 'publishing',
        published: this.#sent,
        ...(this.#payer.older > 0 && { of: this.#payer.older }),
      },
      members: this.#options.members,
      clients,
    };
  }

  /**
   * Starts to register the ready clients and to publish the history, and then new events until `stop`. Returns at once.
   */
  start(): void {
    this.#running = Promise.all([this.#run(), this.#review()]);
  }

  async #run(): Promise<void> {
    const { say, members } = this.#options;
    const { published } = this.#kept;
    await this.#untilDone('registering its clients', () => this.#readyClients());
    if (!published && !this.#ended) {
      say(`publishing ${number.format(members)} members, their providers and their newest data`);
      await this.#publish(this.#payer.newest());
    }
    await this.#untilDone('the approval of its clients', () => this.#approved());
    if (this.#ended) return;
    this.#keep({ newest: true });
    this.#announce();
    if (!published) await this.#publishHistory();
    await this.#live();
  }

  /** Resolves when the sandbox sends no request any more. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  #keep(kept: Partial<Kept>): void {
    this.#kept = { ...this.#kept, ...kept };
    writeFileSync(this.#file, `${JSON.stringify(this.#kept, null, 2)}\n`, { mode: 0o600 });
  }

  get #ended(): boolean {
    return this.#ending.signal.aborted;
  }
  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#ending.signal }).catch(() => undefined);
  }
  /**
   * Repeats the work after a fault, because the platform may be starting. Each request may be sent twice. A fault that
   * stays is a warning, once.
   */
  async #untilDone(what: string, work: () => Promise<void>): Promise<void> {
    for (let faults = 1; !this.#ended; faults++) {
      try {
        await work();
        return;
      } catch (error) {
        if (faults === FAULTS_TOLD) this.#options.warn(`${what} fails again and again: ${(error as Error).message}`);
        await this.#pause(this.#options.againMs ?? AGAIN_MS);
      }
    }
  }

  /** Publishes again what an earlier start published, if that one ended on the way. Intake drops repeated events. */
  async #publishHistory(): Promise<void> {
    const { say } = this.#options;
    const { older } = this.#payer;
    const of = number.format(older);
    say(`the sandbox can be used; publishing the history of ${of} events`);
    await this.#publish(this.#payer.past(), (count) => {
      const before = this.#sent;
      this.#sent += count;
      if (this.#sent < older && Math.floor(before / TOLD_EVERY) < Math.floor(this.#sent / TOLD_EVERY))
        say(`publishing ${number.format(this.#sent)} of ${of} events`);
    });
    if (this.#ended) return;
    this.#keep({ published: true });
    say(`the history is complete: ${of} events`);
  }

  /** Publishes events until the sandbox ends, some at once, and reports the first one that the platform refuses. */
  async #publish(events: Iterable<DomainEvent>, done?: (count: number) => void): Promise<void> {
    let items: ReturnType<typeof itemOf>[] = [];
    const send = async (): Promise<void> => {
      if (items.length === 0) return;
      await this.#untilDone('the payer', async () => {
        const { refused } = await publish(items, { server: this.#events, token: this.#options.payerToken() });
        if (refused.length > 0)
          this.#options.warn(`${refused.length} events were refused, the first because of ${refused[0]!.reason}`);
        done?.(items.length);
        items = [];
      });
    };
    for (const event of events) {
      items.push(itemOf(event));
      if (items.length === AT_ONCE) await send();
      if (this.#ended) return;
    }
    await send();
  }

  async #readyClients(): Promise<void> {
    for (const { file, organization } of this.#ready) {
      if (this.#ended || this.#kept.clients.some(({ app }) => app === this.#path(file, 'app.json'))) continue;
      const { name, npi, tin } = this.#payer.organizations[organization]!;
      const app = await registerOwn(this.#auth, this.#options.administratorToken(), {
        name: `${name} EHR`,
        npi,
        tin,
        contact: 'mailto:developer@clinic.example',
      });
      const { registration } = app;
      const key = this.#path(file, 'key.json');
      const pem = this.#path(file, 'key.pem');
      writeSecret(key, app.key);
      writeFileSync(pem, await pemOf(app.key), { mode: 0o600 });
      const document: AppFile = {
        server: this.#options.publicUrl,
        client_id: app.clientId,
        registration_client_uri: registration.registration_client_uri,
        registration_access_token: registration.registration_access_token,
        key,
        scope: app.scope,
      };
      writeSecret(this.#path(file, 'app.json'), document);
      const client = { name: `${name} EHR`, client_id: app.clientId, npi, key, pem, app: this.#path(file, 'app.json') };
      this.#keep({ clients: [...this.#kept.clients, client] });
    }
  }
  /** Resolves when the reviewer has approved the ready clients. */
  async #approved(): Promise<void> {
    for (const { client_id: id } of this.#kept.clients) {
      const { status } = await this.#auth.json<{ status: string }>(`/auth/clients/${encodeURIComponent(id)}`, {
        token: this.#options.administratorToken(),
      });
      if (status !== 'approved') throw new Error(`client ${id} is ${status}`);
    }
  }
  #path(file: string, ending: string): string {
    return join(this.#options.folder, `${file}.${ending}`);
  }

  #announce(): void {
    const { say, members, eventsPerMinute, pages } = this.#options;
    say(`ready: a synthetic payer of ${members} members, ${eventsPerMinute} new events a minute`);
    for (const { name, client_id: id, npi, pem } of this.#kept.clients)
      say(`client ${id}, ${name}, NPI ${npi}, key ${pem}`);
    if (pages === undefined) return;
    say(`everything in a browser: ${pages.url}, sign in with the token in ${pages.tokenFile}`);
    say(`the page of a member: npx pa member-link --data-dir ${pages.dataDir} --member ${FIRST_MEMBER}`);
  }

  /** Publishes the event of each tick. After a pause it publishes the latest missed ticks at once. */
  async #live(): Promise<void> {
    const { eventsPerMinute } = this.#options;
    if (eventsPerMinute === 0) return;
    const everyMs = 60_000 / eventsPerMinute;
    const now = (): number => Math.floor(Date.now() / everyMs);
    let next = now();
    while (!this.#ended) {
      const last = now();
      next = Math.max(next, last - CATCH_UP);
      const ticks = Array.from({ length: Math.max(0, last - next + 1) }, (_, i) => next + i);
      await this.#publish(ticks.map((tick) => this.#payer.at(tick, everyMs)));
      next = last + 1;
      await this.#pause(Math.max(1, next * everyMs - Date.now()));
    }
  }

  /** Decides about new registrations: synthetic NPIs and TINs are approved, everything else is rejected. */
  async #review(): Promise<void> {
    while (!this.#ended) {
      await this.#untilDone('the reviewer', () => this.#reviewOnce());
      await this.#pause(this.#options.reviewEveryMs ?? REVIEW_EVERY_MS);
    }
  }

  async #reviewOnce(): Promise<void> {
    const token = this.#options.administratorToken();
    const { clients } = await this.#auth.json<{ clients: readonly { readonly client_id: string }[] }>(
      '/auth/clients?status=submitted',
      { token },
    );
    for (const { client_id: id } of clients) {
      const { identifiers } = await this.#auth.json<{
        identifiers: readonly { readonly npi?: string; readonly tin?: string; readonly claimed: boolean }[];
      }>(`/auth/clients/${encodeURIComponent(id)}`, { token });
      const foreign = identifiers
        .filter(({ claimed }) => claimed)
        .map(({ npi, tin }) =>
          npi === undefined
            ? { kind: 'TIN', value: tin!, known: this.#payer.tins }
            : { kind: 'NPI', value: npi, known: this.#payer.npis },
        )
        .find(({ value, known }) => !known.has(value));
      if (foreign === undefined) {
        await approveOwn(this.#auth, id, token, 'a sandbox approves synthetic NPIs');
        continue;
      }
      const examples = this.#payer.organizations
        .slice(0, 2)
        .map(({ npi }) => npi)
        .join(' or ');
      await this.#auth.post(
        `/auth/clients/${encodeURIComponent(id)}/reject`,
        {
          reason: 'identity-not-verified',
          note:
            `This is a sandbox. It knows no provider with the ${foreign.kind} ${foreign.value}. ` +
            `Register with a synthetic NPI, for example ${examples}.`,
        },
        { token },
      );
    }
  }
}

async function pemOf(key: JWK): Promise<string> {
  return exportPKCS8(
    (await importJWK(key, key.alg ?? 'ES384', { extractable: true })) as Parameters<typeof exportPKCS8>[0],
  );
}
