import { randomBytes } from 'node:crypto';
import { Controller, Inject } from '@nestjs/common';
import { PA_CONSENT, SANDBOX_SOURCE } from '@provider-access/events';
import type { ViewReader } from '@provider-access/engines/views';
import { derivedEventId } from '@provider-access/intake';
import { base32, type Caller, instant, Refusal } from '@provider-access/kernel';
import { confirmationNumber, consentIdOf } from '@provider-access/domain/pdex';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { FHIR_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, type Audited, operation, Operation, ref } from '@provider-access/service/operation';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { type Creator, type PostedConsent, readPosted } from '../../consents/posted.ts';
import { consentResource } from '../../consents/resource.ts';
import { consents, consentsOf, type FoundConsent } from '../../projections/consents.ts';
import { accept, inPlace } from '../../reading/incoming.ts';
import { EventAppender, type EventRow } from '../events/append-events.ts';
import { expectEvents } from '../receipts/expected.ts';
import { decideOnce } from './one-decision.ts';
import { FOR_MEMBERS, FOR_PORTAL, MEMBER_PORTAL, ONLY_GENERAL, requireMember } from './texts.ts';

/** https://hl7.org/fhir/R4/http.html#create */
const CREATE = operation({
  ...FOR_MEMBERS,
  route: 'POST /fhir/Consent',
  interaction: 'create',
  summary: 'State a decision of a member',
  description:
    'A Consent with `provision.type` `deny` is an opt-out, and one with `permit` an opt-in. It is stored and ' +
    'answered as an event at `POST /events`: 201 if it decides, now or from its start on. 202 has an ' +
    'OperationOutcome that says why it does not decide yet, or what stands against it (/docs/opt-outs.html). A ' +
    'person of a call centre names the version of the script in `sourceAttachment.title`.',
  query: ONLY_GENERAL,
  headers: [{ name: 'Prefer', description: '`return=minimal`, `return=representation` or `return=OperationOutcome`.' }],
  body: { required: true, content: { [FHIR_TYPE]: { schema: ref('Resource') } } },
  answer: {
    status: 201,
    description: 'The Consent as it is kept.',
    type: FHIR_TYPE,
    schema: ref('Resource'),
    headers: {
      Location: 'The version of the Consent.',
      ETag: 'The version, as `W/"1"`.',
      'Confirmation-Number': 'What the member can quote. 202 has it too, and the Consent has it as `identifier`.',
    },
  },
  also: { 202: 'It is stored, and does not decide as it says. The OperationOutcome has the reason.' },
  refusals: [
    ...FOR_PORTAL.refusals,
    'invalid-request',
    'conflict',
    'unprocessable',
    'unsupported-media-type',
    'too-large',
  ],
});

/** How long the answer waits for the view of Consents, which follows the facts, ms. */
const PATIENCE_MS = 5_000;
const JSON_MEDIA = /^application\/(fhir\+)?json\b/i;
/** The answers of an event that decides as it says. */
const DECIDES: ReadonlySet<EventRow['status']> = new Set(['effective', 'scheduled']);
const RETURN = /(?:^|[;,\s])return\s*=\s*"?(minimal|OperationOutcome)\b/i;

/** A decision that was stored, and what it does. */
interface Stored {
  readonly row: EventRow;
  readonly id: string;
  /** Absent if the same decision stood before, or the view does not have it yet. */
  readonly found?: FoundConsent;
}

/** Decisions that the payer's portal states for members (PEOPLE.md N23 to N26). They become events of the payer. */
@Controller()
export class CreateConsentController {
  private readonly reader: ViewReader;
  /** A source for each way in, so that the log tells them apart. */
  private readonly sources: Readonly<Record<Creator['channel'], string>>;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ResourcesConfig,
    @Inject(EventAppender) private readonly appender: EventAppender,
    @Inject(PayerDays) private readonly days: PayerDays,
  ) {
    this.reader = ports.views.reader(consents);
    const sourceOf = (name: string): string =>
      config.sandbox ? `${SANDBOX_SOURCE}/${name}` : `urn:provider-access:${name}`;
    this.sources = { 'member-portal': sourceOf('member-portal'), phone: sourceOf('call-centre') };
  }

  @Operation(CREATE)
  async create({ body, base, request, caller }: Asked<typeof CREATE>): Promise<Audited> {
    if (!JSON_MEDIA.test(request.headers['content-type'] ?? ''))
      throw new Refusal('unsupported-media-type', `Send the Consent as ${FHIR_TYPE}.`);
    const by = creatorOf(caller);
    const posted = readPosted(body, { at: this.ports.clock.now(), days: this.days, base, by });
    const { member } = posted;
    requireMember(caller, member);
    const source = this.sources[by.channel];
    const stored =
      caller.member === undefined
        ? await this.store(posted, source)
        : await decideOnce(this.ports, caller.member, posted, () => this.store(posted, source));
    const resources = stored.found === undefined ? 0 : 1;
    return {
      audit: [{ released: { members: [member], resources } }],
      answer: this.answerOf(stored, base, String(request.headers['prefer'] ?? '')),
    };
  }

  /** Appends the event, and waits until it decides in every process. */
  private async store({ member, event }: PostedConsent, source: string): Promise<Stored> {
    const { reader, ports } = this;
    const id = `consent-${base32(randomBytes(16))}`;
    const time = instant(await this.timeFor(member));
    const receipt = `r-${base32(randomBytes(16))}`;
    const accepted = accept({ id, source, time, subject: member, ...event }, receipt, undefined, undefined);
    if (!accepted.ok)
      throw new Refusal(accepted.reason === 'too-large' ? 'too-large' : 'unprocessable', accepted.detail);
    const incoming = inPlace(accepted, 0, Buffer.from(accepted.value));
    const [pending] = await this.appender.append([incoming], receipt);
    const row = await pending!;
    if (row.status === 'refused') throw new Refusal('unprocessable', row.detail ?? 'The decision is refused.');
    if (row.status === 'unavailable')
      throw new Refusal('unavailable', 'The decision may not be stored. Create it again.', { retryAfter: 1 });
    await expectEvents(ports, receipt, 1);
    const derived = derivedEventId({ id, source }, member);
    // What decides is in the log. The view may still follow.
    if (row.status !== 'accepted') await reader.waitFor(await ports.log.head([PA_CONSENT]), PATIENCE_MS);
    const found = (await consentsOf(reader, member)).find(({ consent }) => consent.event === derived);
    return { row, id: consentIdOf(derived, member), ...(found !== undefined && { found }) };
  }

  /**
   * Now, or later than what was stated here before of this member, so that the order of two decisions does not depend
   * on the clocks of two processes.
   */
  private async timeFor(member: string): Promise<number> {
    const marks = Object.values(this.sources).map((source) => derivedEventId({ id: '', source }, member));
    const own = (await consentsOf(this.reader, member)).filter(({ consent }) =>
      marks.some((mark) => consent.event.endsWith(mark)),
    );
    return Math.max(this.ports.clock.now(), ...own.map(({ consent }) => Date.parse(consent.businessTime) + 1));
  }

  private answerOf({ row, id, found }: Stored, base: string, prefer: string): Answer {
    const version = found?.consent.versions.at(-1);
    const url = `${base}/Consent/${id}`;
    const location = version === undefined ? url : `${url}/_history/${version.n}`;
    const headers = { 'confirmation-number': confirmationNumber(id) };
    const common = {
      ...(version !== undefined && { version: { tag: version.n, lastUpdated: Date.parse(version.at) } }),
    };
    if (found === undefined || version === undefined || !DECIDES.has(row.status)) {
      const hasLocation = found !== undefined || row.status === 'accepted';
      return {
        ...common,
        status: 202,
        headers: { ...headers, ...(hasLocation && { location }) },
        json: outcomeOf(row),
      };
    }
    const wanted = RETURN.exec(prefer)?.[1]?.toLowerCase();
    const answer = { ...common, headers: { ...headers, location } };
    if (wanted === 'minimal') return answer;
    if (wanted === 'operationoutcome') return { ...answer, json: outcomeOf(row) };
    const { member, consent } = found;
    return { ...answer, json: consentResource(consent, version, { member, payer: this.config.payer }) };
  }
}

/** A member comes from a link of the portal. */
const creatorOf = ({ name, member }: Caller): Creator =>
  name === MEMBER_PORTAL || member !== undefined ? { channel: 'member-portal' } : { channel: 'phone', enteredBy: name };

/** What the decision does, in the word of `POST /events` and in a sentence. */
function outcomeOf(row: EventRow): Readonly<Record<string, unknown>> {
  const decides = DECIDES.has(row.status);
  return {
    resourceType: 'OperationOutcome',
    issue: [
      {
        severity: decides ? 'information' : 'warning',
        code: decides ? 'informational' : 'business-rule',
        details: { coding: [{ code: row.status }], text: textOf(row) },
        diagnostics: `receipt ${row.receipt}`,
      },
    ],
  };
}

function textOf({ status, reason, from, by, bars, deadLetter, deadLetters = [] }: EventRow): string {
  switch (status) {
    case 'effective':
      return bars === 0
        ? 'The decision is in effect. It bars no provider to whom the member is attributed now.'
        : 'The decision is in effect in every process.';
    case 'scheduled':
      return `The decision is stored and takes effect at ${from}.`;
    case 'superseded':
      return `The decision is stored, and the statement ${by} stands against it: ask the member what is wanted now.`;
    case 'held':
      return [
        'The decision is stored.',
        ...(reason === 'notice' ? ['No provider sees the member before a notice was sent to the member.'] : []),
        ...(deadLetters.length > 0
          ? [`These dead letters deny the member until the payer resolves them: ${deadLetters.join(', ')}.`]
          : []),
      ].join(' ');
    case 'parked':
      return `The decision could not be taken. The dead letter ${deadLetter} denies the member until it is resolved.`;
    default:
      return 'The decision is stored and takes effect without further action. Not every process has confirmed it yet.';
  }
}
