/**
 * Who calls the API with a token of its own kind, from a file of the deployment: reviewers and operators, the payer's
 * systems, and the payer's portal for members. An operation names its roles, and every other caller is refused.
 */
export const ROLES = ['administrator', 'payer', 'member-portal'] as const;
export type Role = (typeof ROLES)[number];

/**
 * The roles of people who sign in, with what each one does (APPS.md P60). A person may have several. An operation for
 * one of them is for the administrator's token too. The payload of a dead letter has a role of its own, because it may
 * have anything about a member.
 */
export const PEOPLE = {
  reviewer: 'Decides about apps. Sees no data of members.',
  auditor: 'Asks why an app saw a member, what was disclosed, and whether the audit is whole. Changes nothing.',
  operator: 'Keeps the platform running: views, keys, service levels. Sees no data of members.',
  engineer: "Watches and foresees what the payer's systems send, and corrects what could not be taken.",
  'call-centre': 'Answers members who call, and enters what they decide: who had access, which notices are due.',
  compliance: 'Reports and sets what the rules ask for: lines of business, notices, attestations.',
  'dead-letter-reader': 'Reads the events of dead letters, which may have anything about a member.',
} as const;
export type PersonRole = keyof typeof PEOPLE;
export const isPersonRole = (role: string): role is PersonRole => Object.hasOwn(PEOPLE, role);
/** The roles in the order of the table. */
export const PERSON_ROLES = Object.keys(PEOPLE) as readonly PersonRole[];

/**
 * The role of a member who opened a link of the payer's portal (PEOPLE.md N51). It opens what is about this member
 * alone. No person of the payer can have it, and no token.
 */
export const MEMBER = 'member';
export const MEMBER_DOES = 'Sees who had access to the own data, and decides about it, from a link of the portal.';
export type MemberRole = typeof MEMBER;
/** Whoever an operation can be for. */
export type AnyRole = Role | PersonRole | MemberRole;

/** The member of a session, and the link that began it. */
export interface LinkedMember {
  /** The member's id. */
  readonly id: string;
  /** Names the link. A link is for one decision. */
  readonly link: string;
  /** The mark of the portal's key that signed the link. */
  readonly key: string;
  /** The language that the portal named, a tag of BCP 47. */
  readonly language?: string;
}

/** Who calls with a role. */
export interface Caller {
  /** Of a person with a session. A token has no list: it has what its kind may do. */
  readonly roles?: readonly (PersonRole | MemberRole)[];
  /** Only for the role `member`: the one member whom the caller may see. */
  readonly member?: LinkedMember;
  /** In the audit: the role of a token, or `person` and the subject of a person. */
  readonly name: string;
  /** In decisions: the same, but the mark of a token tells it from other tokens of its role. */
  readonly mark: string;
}

const PERSON = 'person ';
/** How the audit and decisions name a person: by the subject that the identity provider gives. */
export const nameOfPerson = (subject: string): string => `${PERSON}${subject}`;
export const isPerson = ({ name }: Caller): boolean => name.startsWith(PERSON);
