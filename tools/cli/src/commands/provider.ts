import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { CLIENT_STATUSES } from '@provider-access/domain/access';
import type { Identifier } from '../client/approval.ts';
import {
  KEY_ALGORITHMS,
  newKey,
  publicJwk,
  readApp,
  readKey,
  writeSecret,
  type AppFile,
  type KeyAlgorithm,
} from '../client/credentials.ts';
import { groupsOf, type GroupRow } from '../client/steps.ts';
import { clientAssertion, requestToken } from '../client/token.ts';
import { NO_GROUPS } from './empty.ts';
import { positiveInteger } from './generate.ts';
import { reviewCommands } from './reviewer.ts';
import { printList, withList, type List, type ListOptions } from './lists.ts';
import { npi, npis, tins } from '../options.ts';
import { appOf, DEFAULT_SCOPE, scopes, tokenSource, withApp } from '../app-options.ts';
import { type AppOptions, contextOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';

interface Client {
  readonly client_id: string;
  /** Seconds since the epoch. */
  readonly client_id_issued_at?: number;
  readonly client_name: string;
  readonly status: string;
  readonly scope: string;
  readonly npi?: readonly string[];
  readonly tin?: readonly string[];
  readonly reason?: string;
  readonly note?: string;
  /** What the app asked for by a change of its registration, and no reviewer has decided about. */
  readonly waits_for_review?: {
    readonly npi?: readonly string[];
    readonly tin?: readonly string[];
    readonly scope?: string;
  };
  readonly identifiers?: readonly Identifier[];
  readonly identifiers_not_shown?: number;
  readonly named_alike?: Identifier['bound_to'];
  readonly history?: readonly Change[];
}
interface Change {
  readonly status: string;
  readonly at: string;
  readonly by?: string;
  readonly reason?: string;
  readonly note?: string;
  /** The decision ended the binding to this provider alone. */
  readonly ended?: string;
}
/** Servers before 0.3.0 say `pending`. */
const isWaiting = ({ status }: Client): boolean => ['submitted', 'in-review', 'pending'].includes(status);
/** Such as `npi 1245319599, scope system/Coverage.rs`. */
const asksMore = ({ waits_for_review: more }: Client): string =>
  [
    ...(more?.npi ?? []).map((one) => `npi ${one}`),
    ...(more?.tin ?? []).map((one) => `tin ${one}`),
    ...(more?.scope === undefined ? [] : [`scope ${more.scope}`]),
  ].join(', ');
const CLIENT_COLUMNS = ['client_id', 'status', 'name', 'npi', 'tin', 'waits for review'];
const clientRow = (c: Client): string[] => [
  c.client_id,
  c.status,
  c.client_name,
  (c.npi ?? []).join(' '),
  (c.tin ?? []).join(' '),
  asksMore(c),
];

const inWords = (others: Identifier['bound_to']): string =>
  others.map((other) => `${other.client_id} ${other.client_name} (${other.status})`).join(', ');

/** The page of a reviewer before an approval. */
function identifierRows(identifiers: readonly Identifier[] = []): string[] {
  if (identifiers.length === 0) return [];
  const directoryOf = ({ directory }: Identifier): string =>
    directory === undefined
      ? 'cannot be asked now'
      : directory.length === 0
        ? 'unknown'
        : directory.map((entry) => `${entry.name} (${entry.resource})`).join(', ');
  const othersOf = (identifier: Identifier): string => inWords(identifier.bound_to) || 'nobody';
  return [
    '',
    ...table(
      ['identifier', 'bound', 'directory', 'network', 'others that have it', 'evidence'],
      identifiers.map((i) => [
        i.npi === undefined ? `tin ${i.tin}` : `npi ${i.npi}`,
        i.bound ? 'yes' : 'no',
        directoryOf(i),
        i.network,
        othersOf(i),
        i.evidence ?? '',
      ]),
    ),
  ];
}
const historyRows = (history: readonly Change[] = []): string[] =>
  history.length === 0
    ? []
    : [
        '',
        ...table(
          ['when', 'status', 'by', 'reason', 'note'],
          history.map((c) => [
            c.at,
            c.ended === undefined ? c.status : `ends ${c.ended.replace('|', ' ')}`,
            c.by ?? '',
            c.reason ?? '',
            c.note ?? '',
          ]),
        ),
      ];

/** `VALUE` with the common evidence, or `VALUE=TEXT` with its own. */
function named(kind: 'npi' | 'tin', values: readonly string[] = [], common?: string): Record<string, string>[] {
  return values.map((text) => {
    const at = text.indexOf('=');
    const evidence = at < 0 ? common : text.slice(at + 1);
    if (evidence === undefined || evidence.trim() === '')
      throw new CliError(
        EXIT.usage,
        `--${kind} ${text}: say what shows that it is this provider's, with --evidence TEXT or as --${kind} ` +
          `${text}=TEXT`,
      );
    return { [kind]: at < 0 ? text : text.slice(0, at), evidence };
  });
}

/** The commands of a provider's developer, and of the reviewer who approves. */
export function providerCommands(program: Command): void {
  program
    .command('keys')
    .description('keys of an app')
    .command('new')
    .description('make a private key; prints the public JWKS')
    .requiredOption('--out <file>', 'where the private JWK goes (mode 0600)')
    .option('--alg <alg>', KEY_ALGORITHMS.join(' | '), 'ES384')
    .action(async (o: { out: string; alg: string }, command: Command) => {
      if (!KEY_ALGORITHMS.includes(o.alg as KeyAlgorithm))
        throw new CliError(EXIT.usage, `--alg is one of ${KEY_ALGORITHMS.join(', ')}`);
      if (existsSync(o.out)) throw new CliError(EXIT.usage, `${o.out} exists: a key is never overwritten`);
      const key = await newKey(o.alg as KeyAlgorithm);
      writeSecret(o.out, key);
      const jwks = { keys: [publicJwk(key)] };
      contextOf(command).out.result(jwks, JSON.stringify(jwks, null, 2).split('\n'));
    });

  const apps = program.command('apps').description('register apps, approve them');
  apps
    .command('register')
    .description('as the developer; a reviewer approves it then')
    .requiredOption('--name <text>', 'as reviewers and members read it')
    .option('--npi <npi...>', 'of the provider organization; one of --npi and --tin is enough', npis)
    .option('--tin <tin...>', 'of the provider organization', tins)
    .option('--key <file>', 'private JWK; its public half is registered')
    .option('--jwks-uri <url>', 'where the app publishes its keys, instead of --key')
    .option('--scope <scopes>', 'scopes to ask for', scopes, DEFAULT_SCOPE)
    .option('--contact <mail...>', 'whom to write to', ['mailto:developer@provider.example'])
    .option('--out <file>', 'where the registration goes (mode 0600)')
    .action(
      async (
        o: {
          name: string;
          npi?: string[];
          tin?: string[];
          key?: string;
          jwksUri?: string;
          scope: string;
          contact: string[];
          out?: string;
        },
        command: Command,
      ) => {
        const { server, out } = contextOf(command);
        if ((o.key === undefined) === (o.jwksUri === undefined))
          throw new CliError(EXIT.usage, 'give --key FILE or --jwks-uri URL, one of them');
        if (o.npi === undefined && o.tin === undefined)
          throw new CliError(EXIT.usage, 'give --npi or --tin: an app speaks for an NPI or a TIN');
        const answer = await server.post<Omit<AppFile, 'server' | 'key'> & { status: string }>('/auth/register', {
          client_name: o.name,
          ...(o.npi !== undefined && { npi: o.npi }),
          ...(o.tin !== undefined && { tin: o.tin }),
          scope: o.scope,
          contacts: o.contact,
          ...(o.key !== undefined ? { jwks: { keys: [publicJwk(readKey(o.key))] } } : { jwks_uri: o.jwksUri }),
        });
        const app: AppFile = {
          server: server.base,
          client_id: answer.client_id,
          registration_client_uri: answer.registration_client_uri,
          registration_access_token: answer.registration_access_token,
          key: o.key === undefined ? '' : resolve(o.key),
          scope: o.scope,
        };
        if (o.out !== undefined) writeSecret(o.out, app);
        out.result(answer, [
          `${answer.client_id} is ${answer.status}${o.out === undefined ? '' : `; written to ${o.out}`}`,
        ]);
      },
    );
  apps
    .command('approve')
    .argument('<client>')
    .description('as the reviewer: binds each NPI and TIN that is named; `pa apps show` says whose they are')
    .option('--npi <npi...>', 'to bind; NPI=TEXT gives its own evidence')
    .option('--tin <tin...>', 'to bind; TIN=TEXT gives its own evidence')
    .option('--evidence <text>', "what shows that the others are this provider's, such as a contract")
    .option('--shared-with <client...>', 'other approved apps that rightly have one of them')
    .option('--confirm <identifier...>', 'an NPI or TIN that is out of network or unknown, to bind it all the same')
    .option('--reason <text>')
    .action(
      async (
        client: string,
        o: {
          npi?: string[];
          tin?: string[];
          evidence?: string;
          sharedWith?: string[];
          confirm?: string[];
          reason?: string;
        },
        command: Command,
      ) => {
        const { server, out, administratorToken } = contextOf(command);
        const identifiers = [...named('npi', o.npi, o.evidence), ...named('tin', o.tin, o.evidence)];
        const answer = await server.post<Client>(
          `/auth/clients/${encodeURIComponent(client)}/approve`,
          {
            ...(identifiers.length > 0 && { identifiers }),
            ...(o.sharedWith !== undefined && { sharedWith: o.sharedWith }),
            ...(o.confirm !== undefined && { confirm: o.confirm }),
            ...(o.reason !== undefined && { reason: o.reason }),
          },
          { token: administratorToken() },
        );
        out.result(answer, [`${client} is ${answer.status}`]);
      },
    );
  reviewCommands(apps);
  withList(apps.command('list'), 'registration')
    .option('--status <status>', CLIENT_STATUSES.join(' | '))
    .option('--asks-more', 'only apps that ask for a further NPI, TIN or scope, and wait for a reviewer')
    .description('as the reviewer')
    .action(async (o: ListOptions & { status?: string; asksMore?: boolean }, command: Command) => {
      const { server, out, administratorToken } = contextOf(command);
      const clients: Client[] = [];
      const query = new URLSearchParams({
        ...(o.status !== undefined && { status: o.status }),
        ...(o.asksMore === true && { waits_for_review: 'true' }),
      }).toString();
      let next: string | undefined = `/auth/clients${query === '' ? '' : `?${query}`}`;
      while (next !== undefined) {
        const page: { clients: Client[]; next?: string } = await server.json(next, { token: administratorToken() });
        clients.push(...page.clients);
        next = page.next;
      }
      const list: List<Client> = {
        items: clients,
        header: CLIENT_COLUMNS,
        row: clientRow,
        timeOf: (c) => new Date((c.client_id_issued_at ?? 0) * 1000).toISOString(),
        none: ['no apps'],
      };
      printList(out, list, o);
    });
  apps
    .command('show')
    .argument('<app>', 'client id (as the reviewer), or the app file (as its developer)')
    .description('an app with its status and history')
    .option('--wait <s>', 'wait so many seconds for the decision of the reviewer', positiveInteger('--wait'))
    .action(async (app: string, { wait = 0 }: { wait?: number }, command: Command) => {
      const { server, out, administratorToken } = contextOf(command);
      const own = existsSync(app) ? readApp(app) : undefined;
      const deadline = Date.now() + wait * 1000;
      const ask = (): Promise<Client> =>
        own === undefined
          ? server.json<Client>(`/auth/clients/${encodeURIComponent(app)}`, { token: administratorToken() })
          : server.json<Client>(own.registration_client_uri, { token: own.registration_access_token });
      let client = await ask();
      while (isWaiting(client) && Date.now() < deadline) {
        await delay(1000);
        client = await ask();
      }
      if (wait > 0 && isWaiting(client)) process.exitCode = EXIT.unavailable;
      out.result(client, [
        ...table(CLIENT_COLUMNS, [clientRow(client)]),
        ...(client.reason === undefined ? [] : [`reason: ${client.reason}`]),
        ...(client.note === undefined ? [] : [`note: ${client.note}`]),
        ...(client.named_alike?.length ? [`others whose names look the same: ${inWords(client.named_alike)}`] : []),
        ...identifierRows(client.identifiers),
        ...(client.identifiers_not_shown === undefined ? [] : [`and ${client.identifiers_not_shown} more identifiers`]),
        ...historyRows(client.history),
      ]);
    });

  withApp(program.command('token'))
    .description('get an access token (private_key_jwt)')
    .option('--assertion', 'print the signed client assertion instead, for another tool that asks for the token')
    .action(async (o: AppOptions & { assertion?: boolean }, command: Command) => {
      const { server, out } = contextOf(command);
      if (o.assertion === true) {
        const { assertion, endpoint } = await clientAssertion(server, appOf(o));
        return out.result({ client_assertion: assertion, token_endpoint: endpoint }, [assertion]);
      }
      const token = await requestToken(server, appOf(o));
      out.result(
        { access_token: token.value, scope: token.scope, expires_at: new Date(token.expiresAt).toISOString() },
        [token.value],
      );
    });
  withList(withApp(program.command('groups')), 'last change')
    .description('the Groups this app may see')
    .option('--npi <npi>', 'the Group of this provider alone', npi)
    .action(async (o: AppOptions & ListOptions & { npi?: string }, command: Command) => {
      const context = contextOf(command);
      const groups = await groupsOf(context.server, tokenSource(context, o), o.npi);
      const list: List<GroupRow> = {
        items: groups,
        header: ['id', 'members', 'name', 'identifiers'],
        row: (g) => [
          g.id,
          String(g.quantity ?? ''),
          g.name ?? '',
          (g.identifier ?? []).map((i) => i.value ?? '').join(' '),
        ],
        timeOf: (g) => g.meta?.lastUpdated ?? '',
        none: groups.length === 0 ? NO_GROUPS : ['No Group of this app changed since then.'],
      };
      printList(context.out, list, o);
    });
}
