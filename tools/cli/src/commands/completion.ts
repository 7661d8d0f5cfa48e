import type { Command } from 'commander';
import { oneOf } from '../options.ts';

interface Node {
  /** `pa apps list` */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly string[];
  /** A file follows, as far as the command line knows. */
  readonly files: boolean;
}

function nodesOf(command: Command, path = command.name(), inherited: readonly string[] = []): Node[] {
  const own = command.options.flatMap((option) => (typeof option.long === 'string' ? [option.long] : []));
  const options = [...own, ...inherited, '--help'].filter((name, at, all) => all.indexOf(name) === at);
  const commands = command.commands.map((c) => ({ name: c.name(), description: c.description().split(/[;:]/)[0]! }));
  return [
    { path, commands, options, files: command.registeredArguments.length > 0 },
    ...command.commands.flatMap((child) => nodesOf(child, `${path} ${child.name()}`, options.slice(0, -1))),
  ];
}

/** Completes commands and options, and names of files behind them. */
function bash(nodes: readonly Node[]): string {
  const words = nodes.map(({ path, commands, options }) => {
    const list = [...commands.map(({ name }) => name), ...options].join(' ');
    return `    '${path}') words='${list}' ;;`;
  });
  const paths = nodes.slice(1).map(({ path }) => `'${path}'`);
  return `# bash completion of pa: eval "$(pa completion bash)"
_pa() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path=pa words='' at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "$path \${COMP_WORDS[at]}" in
      ${paths.join('|')}) path="$path \${COMP_WORDS[at]}" ;;
    esac
  done
  case "$path" in
${words.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o default -F _pa pa`;
}
const zsh = (nodes: readonly Node[]): string =>
  `# zsh completion of pa: eval "$(pa completion zsh)"
autoload -U +X bashcompinit && bashcompinit
${bash(nodes)
  .split('\n')
  .slice(1)
  .join('\n')
  .replace('mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")', 'COMPREPLY=($(compgen -W "$words" -- "$cur"))')}`;

function fish(nodes: readonly Node[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
  const lines = nodes.flatMap(({ path, commands, options }) => {
    const condition = `-n ${quoted(`_pa_at ${path}`)}`;
    return [
      ...commands.map(({ name, description }) => `complete -c pa -f ${condition} -a ${name} -d ${quoted(description)}`),
      ...options.map((option) => `complete -c pa ${condition} -l ${option.slice(2)}`),
    ];
  });
  return `# fish completion of pa: pa completion fish | source
function _pa_at
  set -l words (string match -v -- '-*' (commandline -opc))
  test "$words" = "$argv"
end
${lines.join('\n')}`;
}

/** `pa completion`: a script for the shell, from the commands that there are. */
export function completionCommand(program: Command): void {
  program
    .command('completion')
    .argument('<shell>', 'bash | zsh | fish', oneOf('the shell', 'bash', 'zsh', 'fish'))
    .description('print a completion script: eval "$(pa completion bash)"')
    .action((shell: string) => {
      const nodes = nodesOf(program);
      const script = shell === 'bash' ? bash(nodes) : shell === 'zsh' ? zsh(nodes) : fish(nodes);
      process.stdout.write(`${script}\n`);
    });
}
