/** What stands wrong in a template, and where. */
export interface TemplateProblem {
  readonly line: number
  readonly message: string
}

/** A piece of a template: text as it is, or what stands between braces. */
export type Piece =
  | { readonly kind: 'text', readonly line: number, readonly text: string }
  | { readonly kind: 'action', readonly line: number, readonly code: string }

/** Stops reading at a place. */
export class TemplateFault extends Error {
  readonly line: number

  constructor (line: number, message: string) {
    super(message)
    this.line = line
  }
}

const ACTION = /\{\{(-(?=\s))?((?:"(?:\\.|[^"\\\n])*"|`[^`]*`|[^"`}]|\}(?!\}))*)\}\}/y
const COMMENT = /\{\{(-\s+)?\/\*[^]*?\*\/(\s+-)?\}\}/y

function countLines (text: string): number {
  return text.split('\n').length - 1
}

interface Match { readonly length: number, readonly code: string | null, readonly trimsBefore: boolean, readonly trimsAfter: boolean }

function matchAction (source: string, at: number, line: number): Match {
  COMMENT.lastIndex = at
  const comment = COMMENT.exec(source)
  if (comment !== null) return { length: comment[0].length, code: null, trimsBefore: comment[1] !== undefined, trimsAfter: comment[2] !== undefined }
  ACTION.lastIndex = at
  const action = ACTION.exec(source)
  if (action === null) throw new TemplateFault(line, '{{ is not closed')
  const [{ length }, before, code = ''] = action
  const trimsAfter = /\s-$/.test(code)
  return { length, code: (trimsAfter ? code.slice(0, -1) : code).trim(), trimsBefore: before !== undefined, trimsAfter }
}

/**
 * Cuts a template at its braces; `{{-` and `-}}` take away the space beside them.
 * @throws TemplateFault
 */
export function cutTemplate (source: string): Piece[] {
  const pieces: Piece[] = []
  let line = 1
  let trims = false
  let at = 0
  const addText = (text: string): void => {
    const kept = trims ? text.trimStart() : text
    if (kept !== '') pieces.push({ kind: 'text', line: line + countLines(text.slice(0, text.length - kept.length)), text: kept })
  }
  for (let open = source.indexOf('{{'); open >= 0; open = source.indexOf('{{', at)) {
    const text = source.slice(at, open)
    const start = line + countLines(text)
    const { length, code, trimsBefore, trimsAfter } = matchAction(source, open, start)
    addText(trimsBefore ? text.trimEnd() : text)
    line = start
    if (code !== null) pieces.push({ kind: 'action', line, code })
    line += countLines(source.slice(open, open + length))
    trims = trimsAfter
    at = open + length
  }
  addText(source.slice(at))
  return pieces
}
