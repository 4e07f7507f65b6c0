import type { Position } from '../../configuration/positions.ts'

/** A word of a command, and where it begins. */
export interface Word {
  readonly text: string
  readonly position: Position
}

interface Scan {
  readonly commands: Word[][]
  words: Word[]
  text: string | null
  start: Position
}

function endWord (scan: Scan): void {
  if (scan.text !== null) scan.words.push({ text: scan.text, position: scan.start })
  scan.text = null
}

function endCommand (scan: Scan): void {
  endWord(scan)
  if (scan.words.length > 0) scan.commands.push(scan.words)
  scan.words = []
}

/** The quoted part that begins here, and how long it is with its quotes; null: it does not end. */
function readQuoted (text: string, from: number): { readonly inner: string, readonly length: number } | null {
  const quoted = text[from] === "'" ? /'([^']*)'/y : /"((?:[^"\\]|\\[^])*)"/y
  quoted.lastIndex = from
  const found = quoted.exec(text)
  if (found === null) return null
  const inner = text[from] === "'" ? found[1] ?? '' : (found[1] ?? '').replace(/\\(?:\n|(["\\$`]))/g, '$1')
  return { inner, length: found[0].length }
}

/** Splits lines of a shell into words, without expanding anything; null: a quotation does not end. A line that ends in a backslash goes on. */
export function splitCommands (text: string): readonly Word[][] | null {
  const scan: Scan = { commands: [], words: [], text: null, start: { line: 1, column: 1 } }
  let [line, lineStart] = [1, 0]
  const skip = (part: string, at: number): void => {
    for (let index = part.indexOf('\n'); index !== -1; index = part.indexOf('\n', index + 1)) {
      line++
      lineStart = at + index + 1
    }
  }
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? ''
    const rest = /\\\r?\n/y
    rest.lastIndex = at
    const joined = rest.exec(text)?.[0]
    if (joined !== undefined) {
      endWord(scan)
      skip(joined, at)
      at += joined.length - 1
    } else if (character === '\n') {
      endCommand(scan)
      skip(character, at)
    } else if (/\s/.test(character)) endWord(scan)
    else if (character === '#' && scan.text === null) at = text.indexOf('\n', at) === -1 ? text.length : text.indexOf('\n', at) - 1
    else {
      if (scan.text === null) scan.start = { line, column: at - lineStart + 1 }
      const quoted = character === "'" || character === '"' ? readQuoted(text, at) : { inner: character, length: 1 }
      if (quoted === null) return null
      scan.text = (scan.text ?? '') + quoted.inner
      skip(text.slice(at, at + quoted.length), at)
      at += quoted.length - 1
    }
  }
  endCommand(scan)
  return scan.commands
}
