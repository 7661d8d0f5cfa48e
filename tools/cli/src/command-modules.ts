import type { Command } from 'commander';

interface CommandModule {
  /** The commands that need the module. */
  readonly commands: readonly string[];
  /** Set if the module reads the other commands. */
  readonly readsAll?: true;
  readonly load: () => Promise<(program: Command) => void>;
}

/**
 * The modules of the commands, in the order of `pa --help`. A command imports its module when somebody names it: all of
 * them together are 560 files, and reading these takes longer than what most commands do.
 */
export const COMMAND_MODULES: readonly CommandModule[] = [
  { commands: ['generate'], load: async () => (await import('./commands/generate.ts')).generateCommand },
  { commands: ['publish'], load: async () => (await import('./commands/publish.ts')).publishCommand },
  { commands: ['import'], load: async () => (await import('./commands/import.ts')).importCommand },
  { commands: ['import-folder'], load: async () => (await import('./commands/import-folder.ts')).importFolderCommand },
  { commands: ['simulate'], load: async () => (await import('./commands/simulate.ts')).simulateCommand },
  { commands: ['undo'], load: async () => (await import('./commands/undo.ts')).undoCommand },
  {
    commands: ['opt-out', 'opt-in', 'attribute', 'unattribute', 'network', 'enroll', 'terminate'],
    load: async () => (await import('./commands/statements.ts')).statementCommands,
  },
  { commands: ['dead-letters'], load: async () => (await import('./commands/dead-letters.ts')).deadLetterCommands },
  {
    commands: ['keys', 'apps', 'token', 'groups'],
    load: async () => (await import('./commands/provider.ts')).providerCommands,
  },
  { commands: ['export'], load: async () => (await import('./commands/export.ts')).exportCommand },
  { commands: ['exports'], load: async () => (await import('./commands/exports.ts')).exportsCommands },
  { commands: ['refusals'], load: async () => (await import('./commands/refusals.ts')).refusalsCommand },
  { commands: ['match'], load: async () => (await import('./commands/match.ts')).matchCommand },
  // `pa views` has subcommands of two modules.
  {
    commands: ['views', 'explain', 'topics', 'verify', 'acls'],
    load: async () => (await import('./commands/operator.ts')).operatorCommands,
  },
  { commands: ['health'], load: async () => (await import('./commands/health.ts')).healthCommand },
  {
    commands: ['explain-apps', 'explain-timeline', 'explain-members'],
    load: async () => (await import('./commands/explain-lists.ts')).explainListCommands,
  },
  { commands: ['lines'], load: async () => (await import('./commands/lines.ts')).linesCommands },
  { commands: ['disclosures'], load: async () => (await import('./commands/disclosures.ts')).disclosureCommand },
  { commands: ['people'], load: async () => (await import('./commands/people.ts')).peopleCommands },
  { commands: ['releases'], load: async () => (await import('./commands/releases.ts')).releasesCommand },
  { commands: ['recall'], load: async () => (await import('./commands/recall.ts')).recallCommand },
  { commands: ['audit'], load: async () => (await import('./commands/audit.ts')).auditCommands },
  { commands: ['probe'], load: async () => (await import('./commands/probe.ts')).probeCommand },
  { commands: ['slo'], load: async () => (await import('./commands/slo.ts')).sloCommand },
  { commands: ['freshness'], load: async () => (await import('./commands/freshness.ts')).freshnessCommand },
  { commands: ['feeds'], load: async () => (await import('./commands/feeds.ts')).feedsCommand },
  { commands: ['funnel'], load: async () => (await import('./commands/funnel.ts')).funnelCommand },
  { commands: ['notices'], load: async () => (await import('./commands/notices.ts')).noticeCommands },
  { commands: ['reviews'], load: async () => (await import('./commands/reviews.ts')).reviewsCommand },
  { commands: ['evidence'], load: async () => (await import('./commands/evidence.ts')).evidenceCommand },
  { commands: ['member-link'], load: async () => (await import('./commands/member-link.ts')).memberLinkCommand },
  { commands: ['members'], load: async () => (await import('./commands/members.ts')).memberCommands },
  { commands: ['attestations'], load: async () => (await import('./commands/attestations.ts')).attestationCommands },
  { commands: ['labels'], load: async () => (await import('./commands/labels.ts')).labelsCommand },
  {
    commands: ['topics', 'views', 'verify', 'acls'],
    load: async () => (await import('./commands/engines.ts')).engineCommands,
  },
  { commands: ['sandbox'], load: async () => (await import('./commands/sandbox.ts')).sandboxCommands },
  { commands: ['profile'], load: async () => (await import('./commands/profile.ts')).profileCommands },
  {
    commands: ['completion'],
    readsAll: true,
    load: async () => (await import('./commands/completion.ts')).completionCommand,
  },
];
