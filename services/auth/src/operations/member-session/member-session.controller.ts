import { Controller, Inject } from '@nestjs/common';
import { Audit, SampledRefusals } from '@provider-access/audit';
import type { ViewReader } from '@provider-access/engines/views';
import { memberFacts } from '@provider-access/facts/views';
import { MEMBER, Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { addressBlock, type ReadLink, RequestLimits, Sessions } from '@provider-access/smart';
import { tooMany } from '../answers.ts';
import { ReplayMemory } from '../token/replay-memory.ts';
import { shownSession } from '../session/shown-session.ts';
import { PortalLinks } from '../../apps/portal-links.ts';

const OPEN = operation({
  route: 'POST /auth/member-session',
  callers: 'anybody',
  tag: 'Decisions of members',
  summary: "Open a link of the payer's portal",
  description:
    'For the page of the member. `link` is the JWT behind the `#` of the link (docs/member-link.html). Each is ' +
    'opened once, and begins a session of 15 minutes for one member and one decision. Every link that is not ' +
    'valid gets the same 403.',
  body: {
    required: true,
    content: {
      [JSON_TYPE]: {
        schema: {
          type: 'object',
          required: ['link'],
          properties: { link: { type: 'string', description: 'The JWT that the portal signed.' } },
        },
        example: { link: 'eyJ…' },
      },
    },
  },
  answer: {
    status: 201,
    description: 'The session, with the cookie.',
    type: JSON_TYPE,
    schema: ref('Session'),
    example: {
      person: 'member',
      mark: 'member',
      roles: ['member'],
      until: '2027-01-04T12:15:00.000Z',
      csrf: 'ltSF…',
      member: 'm-000017',
      language: 'es',
    },
  },
  refusals: ['forbidden', 'conflict', 'too-many-requests', 'unavailable'],
});
/** Links that are not valid, a minute and address block; and uses of one link. */
const PER_MINUTE = 60;
/** One text for a link that is expired, used, forged, or of a member whom nobody knows. */
const NOT_VALID = "This link is not valid any more. Go back to your health plan's website, and open a new one.";
const SIGNED_IN = 'Somebody of the payer has signed in with this browser. Sign out, and open the link again.';
const FOREIGN = 'A link is opened on its own page.';

/** A member comes from the payer's portal (PEOPLE.md N51, ADR 0138). */
@Controller()
export class MemberSessionController {
  private readonly members: ViewReader;
  private readonly refusedFrom: RequestLimits;
  private readonly uses: RequestLimits;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(PortalLinks) private readonly links: PortalLinks,
    @Inject(ReplayMemory) private readonly replays: ReplayMemory,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(SampledRefusals) private readonly refusals: SampledRefusals,
  ) {
    this.members = ports.views.reader(memberFacts);
    this.refusedFrom = new RequestLimits(ports.clock, PER_MINUTE);
    this.uses = new RequestLimits(ports.clock, PER_MINUTE);
  }

  @Operation(OPEN)
  async open({ request, body }: Asked<typeof OPEN>): Promise<Answer> {
    // Otherwise the page of a stranger could put its own member into this browser.
    const site = request.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin') throw new Refusal('forbidden', FOREIGN);
    const before = await this.sessions.find(request);
    // Before anything of the link is looked at, so that it can be opened after the sign-out.
    if (before !== undefined && before.member === undefined) throw new Refusal('conflict', SIGNED_IN);
    const link = await this.links.read((body as { readonly link?: unknown } | null | undefined)?.link);
    // The signature comes first. So links that nobody signed ask nothing of the state store, and do not count for
    // members who have the address of a proxy in common.
    if (link === undefined || !this.replays.knows(link.issuedAt)) {
      const wait = this.refusedFrom.take(addressBlock(request.ip));
      throw wait > 0 ? tooMany(request, 'links that are not valid', wait) : new Refusal('forbidden', NOT_VALID);
    }
    const wait = this.uses.take(link.member.link);
    if (wait > 0) throw tooMany(request, 'uses of a link', wait);
    if (!(await this.isUsable(link))) throw await this.refused();
    if (before !== undefined) await this.sessions.end(before);
    const { member } = link;
    const session = await this.sessions.begin({ name: MEMBER, mark: MEMBER, member }, [MEMBER]);
    // The key may have been taken out of its file meanwhile.
    if (!this.links.isAccepted(member)) {
      await this.sessions.end(session);
      throw await this.refused();
    }
    await this.audit.record({
      client: MEMBER,
      action: 'explain',
      outcome: 'released',
      members: [member.id],
      resources: 0,
    });
    return shownSession(this.sessions, session);
  }

  /** Uses the link up, and looks for the member: always both, so that not even the cost tells of either. */
  private async isUsable({ jti, endsAt, member: { id } }: ReadLink): Promise<boolean> {
    const [isFirst, known] = await Promise.all([
      this.ports.state.claims.insertOnce('jti', jti, endsAt),
      this.members.get(id),
    ]);
    return isFirst && known !== undefined;
  }

  private async refused(): Promise<Refusal> {
    const entry = { client: 'member-portal', action: 'explain', reason: 'forbidden', operation: OPEN.route } as const;
    await this.refusals.refused({ ...entry, outcome: 'refused', members: [], resources: 0 });
    return new Refusal('forbidden', NOT_VALID);
  }
}
