/** How the router of a server compares paths. */
export interface PathComparison {
  readonly ignoresCase: boolean
  readonly ignoresTrailingSlash: boolean
}

/** The paths of one route. */
export interface MountPattern {
  readonly expression: RegExp
  /** Of two that match one path the router takes the larger: from the left, what is literal goes before what varies. */
  readonly rank: string
}

const RANKS = { wildcard: '0', variable: '1', restricted: '2', end: '3', literal: '4' } as const
const SPECIAL = /[.+?^${}()|[\]\\]/g
const OPTIONAL = /(\/:[^/()]*)\?(\/?)$/
const END_OF_NAME = /[-/.(]/
const VARYING = /[:*]/
const VARIABLE = '\0'
/** From the first to the last variable of a segment. */
const VARIABLES = /\0(?:[^/]*\0)?/g

function endOfVariable (text: string): number {
  const end = text.search(END_OF_NAME)
  if (end === -1) return text.length
  if (text[end] !== '(') return end
  let depth = 0
  for (let index = end; index < text.length; index++) {
    if (text[index] === '(') depth++
    else if (text[index] === ')' && --depth === 0) return index + 1
  }
  return text.length
}

/** A route begins with a part: a variable with its expression, a wildcard, or what is literal. */
function firstPart (route: string): string {
  if (route.startsWith('::')) return '::'
  if (route.startsWith(':')) return route.slice(0, endOfVariable(route))
  if (route.startsWith('*')) return '*'
  const end = route.search(VARYING)
  return end === -1 ? route : route.slice(0, end)
}

function readPart (part: string): { readonly source: string, readonly rank: string } {
  if (part === '::') return { source: ':', rank: RANKS.literal }
  if (part === '*') return { source: '.*', rank: RANKS.wildcard }
  if (part.startsWith(':')) return { source: VARIABLE, rank: part.includes('(') ? RANKS.restricted : RANKS.variable }
  return { source: part.replace(SPECIAL, '\\$&'), rank: RANKS.literal.repeat(part.length) }
}

function readPattern (route: string, { ignoresCase, ignoresTrailingSlash }: PathComparison): MountPattern {
  const path = ignoresTrailingSlash && route.endsWith('/') ? route.slice(0, -1) : route
  let source = ''
  let rank = ''
  for (let rest = path; rest !== '';) {
    const part = firstPart(rest)
    const read = readPart(part)
    source += read.source
    rank += read.rank
    rest = rest.slice(part.length)
  }
  // A segment with several variables is taken for more than it is, and expressions are: what is tested takes no longer than it is long.
  const expression = source.replace(VARIABLES, '[^/]*') + (ignoresTrailingSlash ? '/?' : '')
  return { expression: new RegExp(`^${expression}$`, ignoresCase ? 'is' : 's'), rank: `${rank}${RANKS.end}` }
}

/** Reads a route as the router spells it. */
export function readPatterns (route: string, comparison: PathComparison): MountPattern[] {
  const spellings = OPTIONAL.test(route) ? [route.replace(OPTIONAL, '$1$2'), route.replace(OPTIONAL, '$2') || '/'] : [route]
  return spellings.map(spelling => readPattern(spelling, comparison))
}
