import { resolve } from 'node:path';
import type { Command } from 'commander';
import { profileNamed, readProfiles, writeProfiles } from '../client/profiles.ts';
import { contextOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';

const nameOf = (value: string): string => {
  if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(value))
    throw new CliError(EXIT.usage, 'the name of a profile has letters, digits, - _ and ., at most 64');
  return value;
};
const urlOf = (value: string): string => {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol))
    throw new CliError(EXIT.usage, `${value} is not a URL of a platform, such as https://pa.example.org`);
  if (new URL(value).password !== '')
    throw new CliError(EXIT.usage, 'a profile holds no password: leave it out of the URL');
  return value.replace(/\/+$/, '');
};

/** `pa profile`: the platforms of one person, by name. */
export function profileCommands(program: Command): void {
  const profile = program.command('profile').description('platforms by name, for --profile');
  profile
    .command('add')
    .argument('<name>', 'such as production', nameOf)
    .argument('<url>', 'the platform', urlOf)
    .option('--tokens <dir>', 'folder of administrator.token and payer.token of this platform')
    .description('add a platform, or change it; the first one is used from then on')
    .action((name: string, server: string, o: { tokens?: string }, command: Command) => {
      const { current, profiles } = readProfiles();
      const added = { server, ...(o.tokens !== undefined && { dataDir: resolve(o.tokens) }) };
      writeProfiles({ current: current ?? name, profiles: { ...profiles, [name]: added } });
      contextOf(command).out.result({ name, ...added }, [
        `${name} is ${server}.`,
        current === undefined || current === name
          ? 'Commands without --server and --profile use it.'
          : `\`pa profile use ${name}\` uses it for commands without --server and --profile.`,
      ]);
    });
  profile
    .command('use')
    .argument('<name>', 'as `pa profile list` shows it', nameOf)
    .description('use a platform for commands without --server and --profile')
    .action((name: string, _o: unknown, command: Command) => {
      const { server } = profileNamed(name);
      writeProfiles({ ...readProfiles(), current: name });
      contextOf(command).out.result({ current: name, server }, [`Commands use ${name} (${server}).`]);
    });
  profile
    .command('remove')
    .argument('<name>', 'as `pa profile list` shows it', nameOf)
    .description('forget a platform')
    .action((name: string, _o: unknown, command: Command) => {
      profileNamed(name);
      const { current, profiles } = readProfiles();
      const { [name]: _removed, ...rest } = profiles;
      writeProfiles({ ...(current !== name && current !== undefined && { current }), profiles: rest });
      contextOf(command).out.result({ removed: name }, [`${name} is forgotten.`]);
    });
  profile
    .command('list')
    .description('the platforms, and which one is used')
    .action((_o: unknown, command: Command) => {
      const { current, profiles } = readProfiles();
      const rows = Object.entries(profiles).map(([name, { server, dataDir }]) => ({
        name,
        server,
        ...(dataDir !== undefined && { dataDir }),
        current: name === current,
      }));
      contextOf(command).out.result(
        rows,
        rows.length === 0
          ? ['no profiles: `pa profile add NAME URL` adds one']
          : table(
              ['name', 'used', 'server', 'tokens'],
              rows.map((r) => [r.name, r.current ? 'yes' : '', r.server, r.dataDir ?? '']),
            ),
      );
    });
}
