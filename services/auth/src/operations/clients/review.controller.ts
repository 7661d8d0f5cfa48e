import { Controller, Inject } from '@nestjs/common';
import { CLIENT_STATUSES, providersAt } from '@provider-access/domain/access';
import { isNpi, isTin, npiKey, tinKey } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { z } from 'zod';
import { unknownClient } from '../../apps/applications.ts';
import { Clients } from '../../apps/clients.ts';
import { type AuthConfig, CONFIG } from '../../config.ts';
import { type Approve, type ReviewerCommand, type End, reasonsOf } from '../../domain/client.ts';
import { clientDocument, waitsForReview } from '../register/client-document.ts';
import { NPI } from '../register/texts.ts';
import { readBody, text } from './bodies.ts';
import { Decisions } from './decisions.ts';
import { END_BINDING, endOfBinding } from './end-binding.ts';
import { brief, Identifiers } from './identifiers.ts';
import { reasonChoices } from './reason-choices.ts';
import { shownBindings } from './shown-bindings.ts';
import { shownKeys } from './shown-keys.ts';

const PAGE = { default: 500, max: 1000 };

const identifier = z
  .strictObject({
    npi: z.string().refine(isNpi, 'must be an NPI of ten digits with a valid check digit').optional(),
    tin: z.string().refine(isTin, 'must be a TIN of nine digits').optional(),
    evidence: text,
  })
  .refine(({ npi, tin }) => (npi === undefined) !== (tin === undefined), 'give exactly one of npi and tin')
  .transform(({ npi, tin, evidence }) => ({
    provider: npi === undefined ? tinKey(tin!) : npiKey(npi),
    text: evidence,
  }));
const ended = z
  .unknown()
  .refine(() => false, 'is no longer accepted: name each NPI and TIN with its evidence in identifiers')
  .optional();
/** The body of an approval. */
const approval = z.strictObject({
  identifiers: z
    .array(identifier, 'must be a list of {"npi" or "tin", "evidence"}')
    .min(1, 'must name at least one')
    .max(100, 'has more than 100 entries')
    .optional(),
  /** Ids of other approved clients with one of the identifiers. By naming them, the reviewer confirms both bindings. */
  sharedWith: z.array(z.string(), 'must be a list of client ids').max(100, 'has more than 100 entries').optional(),
  /** NPIs and TINs that are out of network, or that nobody knows. */
  confirm: z
    .array(
      z
        .string('must be an NPI or a TIN')
        .refine((value) => isNpi(value) || isTin(value), 'must be an NPI or a TIN')
        .transform((value) => value.replace('-', '')),
      'must be a list of NPIs and TINs',
    )
    .max(100, 'has more than 100 entries')
    .optional(),
  scope: z.string('must be scopes separated by spaces').optional(),
  reason: text.optional(),
  npis: ended,
  tins: ended,
});
/** The body of a rejection, a suspension or a revocation. Whether the list has the code is checked with the list. */
const ending = z.strictObject({ reason: z.string('must be a code of the list'), note: text.optional() });
const STATUS = z.enum(CLIENT_STATUSES, `status must be one of ${CLIENT_STATUSES.join(', ')}.`).optional();
const MORE = z.enum(['true', 'false'], 'waits_for_review must be true or false.').optional();
const CHECKS = z.enum(['true', 'false'], 'checks must be true or false.').optional();
const NO_COUNT = '_count must be a number from 1 on.';
const COUNT = z
  .string(NO_COUNT)
  .regex(/^[1-9]\d{0,4}$/, NO_COUNT)
  .optional();
const NO_PAGE =
  'after must be the last client_id of the previous page. It may have expired: start again without after.';
const AFTER = z.string(NO_PAGE).optional();

const LIST = operation({
  route: 'GET /auth/clients',
  callers: ['reviewer', 'auditor', 'compliance'],
  tag: 'Review of apps',
  summary: 'List apps',
  fields: {
    status: { schema: STATUS, description: 'Only apps in this state.' },
    waits_for_review: {
      schema: MORE,
      description: 'Only apps that ask for a further NPI, TIN or scope (`true`), or only all others (`false`).',
    },
    checks: {
      schema: CHECKS,
      description:
        'With `true`, `checks` counts by `client_id` what the directory, the network and other apps say about the ' +
        'identifiers of each app: five of an app and 100 of a page at most. Default: `false`.',
    },
    _count: { schema: COUNT, description: 'Apps a page, at most 1000.' },
    after: { schema: AFTER, description: 'The last `client_id` of the page before. `next` contains it.' },
  },
  answer: {
    description: 'In the order of registration.',
    type: JSON_TYPE,
    schema: {
      type: 'object',
      required: ['clients'],
      properties: {
        clients: { type: 'array', items: ref('Client') },
        checks: {
          type: 'object',
          description: 'By `client_id`, if `checks` is true.',
          additionalProperties: {
            type: 'object',
            required: ['identifiers', 'not_checked', 'in_network', 'out_of_network', 'bound_elsewhere'],
            properties: {
              identifiers: { type: 'integer', description: 'NPIs and TINs that the app claims or is bound to.' },
              not_checked: { type: 'integer', description: 'Those that the other counts leave out.' },
              in_directory: { type: 'integer', description: 'Absent while the directory cannot be asked.' },
              in_network: { type: 'integer' },
              out_of_network: { type: 'integer' },
              bound_elsewhere: {
                type: 'integer',
                description: 'Those that another approved or suspended app has, too.',
              },
            },
          },
        },
        next: { type: 'string', format: 'uri', description: 'The next page, if there is one.' },
      },
    },
  },
});
const APP = {
  callers: ['reviewer'],
  tag: 'Review of apps',
  parameters: { client: 'The `client_id` of the app.' },
} as const;
const SHOW = operation({
  ...APP,
  callers: ['reviewer', 'auditor', 'compliance'],
  route: 'GET /auth/clients/{client}',
  summary: 'Show an app with its history',
  description: 'Also shows who owns each NPI and TIN by the directory of the payer, and which other apps have it.',
  answer: { description: 'The app.', type: JSON_TYPE, schema: ref('Client') },
  refusals: ['not-found'],
});
const DECIDED = {
  description: 'The app after the decision, with its history.',
  type: JSON_TYPE,
  schema: ref('Client'),
};
const APPROVE = operation({
  ...APP,
  route: 'POST /auth/clients/{client}/approve',
  summary: 'Approve an app for NPIs and TINs',
  description: 'Name each NPI and TIN with the evidence that it belongs to the app (/docs/reviewing.html).',
  body: {
    content: {
      [JSON_TYPE]: {
        schema: approval,
        fields: {
          identifiers: {
            type: 'array',
            maxItems: 100,
            description: 'An NPI or a TIN each, with its evidence.',
            items: {
              type: 'object',
              required: ['evidence'],
              properties: { npi: { type: 'string' }, tin: { type: 'string' }, evidence: { type: 'string' } },
            },
          },
          sharedWith: 'Other approved apps that have one of the identifiers. Naming them confirms both.',
          confirm: 'NPIs and TINs that are out of network or unknown, and shall be bound all the same.',
          scope: 'Narrows the scopes that the app registered.',
          reason: 'Shown in the history.',
          npis: { deprecated: true, not: {}, description: 'No longer accepted.' },
          tins: { deprecated: true, not: {}, description: 'No longer accepted.' },
        },
        example: { identifiers: [{ npi: NPI, evidence: 'contract 7' }] },
      },
    },
  },
  answer: DECIDED,
  refusals: ['invalid-request', 'not-found', 'conflict', 'unavailable'],
});
const ENDING = {
  required: true,
  content: {
    [JSON_TYPE]: {
      schema: ending,
      fields: {
        reason: "A code of the payer's list (`REASONS_FILE`). The app and the history show it.",
        note: 'What happened, and the evidence that was looked at. The app and the history show it.',
      },
      example: { reason: 'key-compromised', note: 'The key was in a public repository on 3 March.' },
    },
  },
};
const REJECT = operation({
  ...APP,
  route: 'POST /auth/clients/{client}/reject',
  summary: 'Reject an app that waits',
  description: 'Only a security reason denies an app (42 CFR 422.119(e)). A rejection is final.',
  body: ENDING,
  answer: DECIDED,
  refusals: ['invalid-request', 'not-found', 'conflict', 'unavailable'],
});
const SUSPEND = operation({
  ...APP,
  route: 'POST /auth/clients/{client}/suspend',
  summary: 'Suspend an approved app',
  description: 'When this answers, every process refuses the app. A reviewer may approve it again.',
  body: ENDING,
  answer: DECIDED,
  refusals: ['invalid-request', 'not-found', 'conflict', 'unavailable'],
});
const REVOKE = operation({
  ...APP,
  route: 'POST /auth/clients/{client}/revoke',
  summary: 'Revoke an app for good',
  description:
    'When this answers, every process refuses the app, and nobody can approve it again. The reason is a security ' +
    'one, or `requested-by-app`.',
  body: ENDING,
  answer: DECIDED,
  refusals: ['invalid-request', 'not-found', 'conflict', 'unavailable'],
});
const REVIEW = operation({
  ...APP,
  route: 'POST /auth/clients/{client}/review',
  summary: 'Put an app in review',
  description: 'Where `FOUR_EYES` is on, another person than the one who asks for this approves the app.',
  answer: DECIDED,
  refusals: ['invalid-request', 'not-found', 'conflict'],
});

function approvalOf(body: unknown): Omit<Approve, 'kind' | 'by'> {
  const { npis: _npis, tins: _tins, ...given } = readBody(approval, body);
  return given;
}

/** Lets reviewers decide about registered apps. Repeating the decision that stands changes nothing. */
@Controller()
export class ReviewController {
  constructor(
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Clients) private readonly clients: Clients,
    @Inject(Identifiers) private readonly identifiers: Identifiers,
    @Inject(Decisions) private readonly decisions: Decisions,
  ) {}

  /** In the order of registration; `next` is the URL of the next page. */
  @Operation(LIST)
  async list({ query }: Asked<typeof LIST>): Promise<Answer> {
    const { status, waits_for_review: more, checks, _count: count, after } = query;
    const { clients, config, ports } = this;
    const now = ports.clock.now();
    const size = Math.min(Number(count ?? PAGE.default), PAGE.max);
    const ids = await clients.idsAfter({ after, status, isAsking: more === 'true' });
    if (ids === undefined) throw new Refusal('invalid-value', NO_PAGE);
    const asksMore = (id: string): boolean => {
      const client = clients.approvedOnce(id);
      return client !== undefined && waitsForReview(client, providersAt(client, now)) !== undefined;
    };
    const wanted: string[] = [];
    for (const id of ids) {
      if (more === undefined || asksMore(id) === (more === 'true')) wanted.push(id);
      // One more than the page shows that there is another page.
      if (wanted.length > size) break;
    }
    const page = wanted.slice(0, size);
    const found = (await Promise.all(page.map((id) => clients.find(id)))).filter((c) => c !== undefined);
    const next = new URLSearchParams({
      ...(status !== undefined && { status }),
      ...(more !== undefined && { waits_for_review: more }),
      ...(checks !== undefined && { checks }),
      _count: String(size),
      after: page.at(-1) ?? '',
    });
    return {
      json: {
        clients: found.map((client) => clientDocument(client, now)),
        ...(checks === 'true' && { checks: await this.identifiers.checksOf(found) }),
        ...(wanted.length > size && { next: `${config.publicUrl}/auth/clients?${next}` }),
      },
    };
  }

  @Operation(SHOW)
  show({ params }: Asked<typeof SHOW>): Promise<Answer> {
    return this.shown(params.client);
  }
  @Operation(APPROVE)
  approve({ caller, params, body }: Asked<typeof APPROVE>): Promise<Answer> {
    return this.decide(params.client, { kind: 'approve', by: caller.mark, ...approvalOf(body) });
  }
  @Operation(REJECT)
  reject({ caller, params, body }: Asked<typeof REJECT>): Promise<Answer> {
    return this.decide(params.client, { kind: 'reject', by: caller.mark, ...this.ending('reject', body) });
  }
  @Operation(SUSPEND)
  suspend({ caller, params, body }: Asked<typeof SUSPEND>): Promise<Answer> {
    return this.decide(params.client, { kind: 'suspend', by: caller.mark, ...this.ending('suspend', body) });
  }
  @Operation(REVOKE)
  revoke({ caller, params, body }: Asked<typeof REVOKE>): Promise<Answer> {
    return this.decide(params.client, { kind: 'revoke', by: caller.mark, ...this.ending('revoke', body) });
  }
  @Operation(END_BINDING)
  endBinding({ caller, params, body }: Asked<typeof END_BINDING>): Promise<Answer> {
    const command = endOfBinding(params.provider, body, this.config);
    return this.decide(params.client, { ...command, by: caller.mark });
  }
  @Operation(REVIEW)
  async review({ caller, params }: Asked<typeof REVIEW>): Promise<Answer> {
    await this.decisions.review(params.client, caller.mark);
    return this.shown(params.client);
  }

  /** @throws Refusal 400 with the codes that the decision may have (APPS.md P31, P32) */
  private ending(kind: 'reject' | 'suspend' | 'revoke', body: unknown): Pick<End, 'reason' | 'note'> {
    const { reason, note } = readBody(ending, body);
    const codes = reasonsOf(kind, this.config.reasons);
    if (!codes.includes(reason))
      throw new Refusal('invalid-request', `reason: must be one of ${codes.join(', ')}. Say more in note.`);
    return { reason, ...(note !== undefined && { note }) };
  }

  private async decide(client: string, command: ReviewerCommand): Promise<Answer> {
    await this.decisions.decide(client, command);
    return this.shown(client);
  }
  private async shown(client: string): Promise<Answer> {
    const { clients, identifiers, ports } = this;
    const found = await clients.find(client);
    if (found === undefined) throw unknownClient();
    return {
      json: {
        ...clientDocument(found, ports.clock.now()),
        requested_scope: found.requestedScope,
        history: found.history,
        ...shownBindings(found),
        ...shownKeys(found),
        review: await this.decisions.reviewOf(found),
        ...(await identifiers.of(found)),
        named_alike: (await clients.namedAlike(found)).map(brief),
        reasons: reasonChoices(this.config.reasons),
      },
    };
  }
}
