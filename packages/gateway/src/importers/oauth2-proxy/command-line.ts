import { nearestName } from 'fastify-oidc-session-store'
import { FLAGS, rowOfFlag } from './table.ts'
import { readValue, splitList } from './values.ts'

/** One option of OAuth2 Proxy's command line. */
export interface CommandLineOption {
  /** Without dashes. */
  readonly flag: string
  readonly input: unknown
}

/** OAuth2 Proxy's command line, taken apart. */
export interface CommandLine {
  /** null: none is named. */
  readonly config: string | null
  readonly alphaConfig: string | null
  /** What is asked instead of starting; null: nothing. */
  readonly asks: Question | null
  readonly options: readonly CommandLineOption[]
  /** Each with the argument that it is about. */
  readonly problems: ReadonlyArray<{ readonly argument: string, readonly message: string }>
}

const FILES = ['config', 'alpha-config']
const COMMANDS: Readonly<Record<string, string>> = {
  help: 'is not an option here: oidc-gateway --help',
  'convert-config-to-alpha': 'is not an option here: oidc-gateway import --from oauth2-proxy prints a file of this gateway'
}
const QUESTIONS = ['version', 'config-test'] as const
const OPTION = /^--?([A-Za-z][\w-]*)(?:=([\s\S]*))?$/

type Question = typeof QUESTIONS[number]

const isQuestion = (flag: string): flag is Question => (QUESTIONS as readonly string[]).includes(flag)

function unknown (flag: string): string {
  const meant = nearestName(flag, [...FLAGS, ...FILES, ...QUESTIONS])
  return `is not an option of OAuth2 Proxy${meant === null ? '' : `; did you mean --${meant}?`}`
}

/** Members of a list that is given several times follow each other; of anything else the last one counts. */
function gather (found: Map<string, unknown>, flag: string, text: string): string | null {
  if (rowOfFlag(flag)?.type !== 'list') {
    found.set(flag, text)
    return null
  }
  const members = splitList(text)
  found.set(flag, [...found.get(flag) as readonly string[] | undefined ?? [], ...members ?? []])
  return members === null ? 'has a quote that does not end' : null
}

/** Reads OAuth2 Proxy's own arguments, with one dash or two. */
export function parseCommandLine (args: readonly string[]): CommandLine {
  const found = new Map<string, unknown>()
  const problems: Array<{ argument: string, message: string }> = []
  const asked = new Set<Question>()
  const rest = [...args]
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const [, flag, written] = OPTION.exec(argument) ?? []
    const argumentName = `--${flag ?? ''}`
    if (flag === undefined) {
      problems.push({ argument: /^(?:true|false)$/i.test(argument) ? argument : 'argument', message: 'is not an option: write values of switches with =, such as --cookie-secure=false' })
      continue
    }
    const row = rowOfFlag(flag)
    if (isQuestion(flag)) {
      const read = readValue('flag', written ?? 'true')
      if ('problem' in read) problems.push({ argument: argumentName, message: read.problem })
      else if (read.value === true) asked.add(flag)
      else asked.delete(flag)
      continue
    }
    if (row === null && !FILES.includes(flag)) {
      problems.push({ argument: argumentName, message: COMMANDS[flag] ?? unknown(flag) })
      // What belongs to it would be told as a mistake of its own.
      if (written === undefined && rest[0]?.startsWith('-') === false) rest.shift()
      continue
    }
    const text = written ?? (row?.type === 'flag' ? 'true' : rest.shift())
    const problem = text === undefined ? 'needs a value' : gather(found, flag, text)
    if (problem !== null) problems.push({ argument: argumentName, message: problem })
  }
  const fileOf = (flag: string): string | null => found.has(flag) ? String(found.get(flag)) : null
  const options = [...found].filter(([flag]) => !FILES.includes(flag)).map(([flag, input]) => ({ flag, input }))
  return { config: fileOf('config'), alphaConfig: fileOf('alpha-config'), asks: QUESTIONS.find(question => asked.has(question)) ?? null, options, problems }
}
