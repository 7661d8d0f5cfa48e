import { GROUPS } from '@provider-access/domain/alerts';
import { DASHBOARDS } from './dashboards/index.ts';
import { alertTable, dashboardTable, inhibitRules } from './render/alert-table.ts';
import { dashboardFile } from './render/dashboard-file.ts';
import { rulesFile } from './render/rules-file.ts';

/** Every file that is generated whole, by its path in the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = 'charts/provider-access/files';
  return new Map([
    ...DASHBOARDS.map((dashboard) => [`${files}/dashboards/${dashboard.name}.json`, dashboardFile(dashboard)] as const),
    ...GROUPS.map((group) => [`${files}/alerts/${group.name}.yaml`, rulesFile(group)] as const),
  ]);
}

/** docs/watching.md with its generated parts renewed. Each part is between `<!-- name -->` and `<!-- end -->`. */
export function watchingPage(current: string): string {
  const parts: Readonly<Record<string, string>> = {
    alerts: alertTable(),
    dashboards: dashboardTable(),
    inhibit: `\`\`\`yaml\n${inhibitRules()}\n\`\`\``,
  };
  return Object.entries(parts).reduce(
    (page, [name, text]) =>
      page.replace(
        new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- end -->)`),
        (_, start: string, end: string) => `${start}\n${text}\n\n${end}`,
      ),
    current,
  );
}
