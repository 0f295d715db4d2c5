/**
 * Scripts by which a shell completes nouns, verbs and options. They are read off the program; completing starts
 * nothing.
 */
import type { Command, Option } from 'commander';

/** What a command can be followed by. `takingValues` are the flags after which any word may come. */
type Words = { readonly path: string; readonly completions: string; readonly takingValues: readonly string[] };

export function completionCommand(program: Command): void {
  const completion = program
    .command('completion')
    .description('Prints a script by which a shell completes nouns, verbs and options.');
  completion
    .command('bash')
    .description('For bash: source <(patchcycle completion bash)')
    .action(() => console.log(bashScript(wordsOf(program))));
  completion
    .command('zsh')
    .description('For zsh, after compinit: source <(patchcycle completion zsh)')
    .action(() => console.log(zshScript(wordsOf(program))));
}

/** What may follow each command, under its words: `` for the program, ` cycle`, ` cycle start`. */
function wordsOf(command: Command, path = ''): Words[] {
  const help = command.createHelp();
  const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
  const names = help.visibleCommands(command).map((each) => each.name());
  const long = options.flatMap((option) => option.long ?? []);
  return [
    { path, completions: [...names, ...long].join(' '), takingValues: options.filter(takesValue).flatMap(flagsOf) },
    ...command.commands.flatMap((each) => wordsOf(each, `${path} ${each.name()}`)),
  ];
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function flagsOf({ short, long }: Option): string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

function bashScript(words: readonly Words[]): string {
  return `_patchcycle() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command='' value='' completions='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
${readWord(words)}
  done
  if [[ -n $value ]]; then
    compopt -o default 2>/dev/null
    COMPREPLY=()
    return
  fi
${chooseCompletions(words)}
  COMPREPLY=($(compgen -W "$completions" -- "$current"))
}
complete -F _patchcycle patchcycle patchcycle.js`;
}

function zshScript(words: readonly Words[]): string {
  return `#compdef patchcycle patchcycle.js
_patchcycle() {
  local command='' value='' completions='' word
  for word in "\${(@)words[2,CURRENT-1]}"; do
${readWord(words)}
  done
  if [[ -n $value ]]; then
    _files
    return
  fi
${chooseCompletions(words)}
  compadd -- \${=completions}
}
compdef _patchcycle patchcycle patchcycle.js`;
}

/** Follows a word of the line: the value of an option, an option that takes one, or a noun or verb. */
function readWord(words: readonly Words[]): string {
  const values = words.flatMap(({ path, takingValues }) => takingValues.map((flag) => `'${path} ${flag}'`));
  const commands = words.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  return `    if [[ -n $value ]]; then
      value=''
      continue
    fi
    case "$command $word" in
      ${values.join(' | ')}) value=1 ;;
      ${commands.join(' | ')}) command="$command $word" ;;
    esac`;
}

function chooseCompletions(words: readonly Words[]): string {
  return [
    '  case "$command" in',
    ...words.map(({ path, completions }) => `    '${path}') completions='${completions}' ;;`),
    '  esac',
  ].join('\n');
}
