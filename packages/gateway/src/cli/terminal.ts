import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import type { Readable, Writable } from 'node:stream'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

/** Where a command writes, and what it was started with. */
export interface Terminal {
  readonly environment: NodeJS.ProcessEnv
  out (text: string): void
  err (text: string): void
  /** Styled for standard output, or for standard error; plain where nobody looks. */
  style (stream: 'out' | 'err', style: Style, text: string): string
  /** Resolves when what was written is on its way, so that a long listing need not fit into memory. */
  flushed (): Promise<void>
  /** One line on standard error that the next text replaces; nothing where nobody looks. null: none any more. */
  progress (text: string | null): void
  /** The answer of whoever sits there; null: nobody does. */
  ask (question: string): Promise<string | null>
}

const CODES: Readonly<Record<Style, readonly [number, number]>> = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] }

type Output = Writable & { readonly isTTY?: boolean }
type Input = Readable & { readonly isTTY?: boolean }

const CLEAR_LINE = '\r\u001B[2K'

/** Writes to a process's streams; colours only on a terminal, and not with NO_COLOR (no-color.org). */
export function createTerminal ({ stdin, stdout, stderr }: { readonly stdin: Input, readonly stdout: Output, readonly stderr: Output }, environment: NodeJS.ProcessEnv): Terminal {
  const isDumb = environment.TERM === 'dumb'
  const isPlain = (environment.NO_COLOR ?? '') !== '' || isDumb
  let showsProgress = false

  function progress (text: string | null): void {
    if (stderr.isTTY !== true || isDumb || (text === null && !showsProgress)) return
    stderr.write(`${CLEAR_LINE}${text ?? ''}`)
    showsProgress = text !== null
  }
  function write (stream: Output, text: string): void {
    progress(null)
    stream.write(`${text}\n`)
  }

  return {
    environment,
    out: text => { write(stdout, text) },
    err: text => { write(stderr, text) },
    style (stream, style, text) {
      const target = stream === 'out' ? stdout : stderr
      if (isPlain || target.isTTY !== true) return text
      const [on, off] = CODES[style]
      return `\u001B[${on}m${text}\u001B[${off}m`
    },
    async flushed () { if (stdout.writableNeedDrain) await once(stdout, 'drain') },
    progress,
    async ask (question) {
      if (stdin.isTTY !== true || stderr.isTTY !== true) return null
      progress(null)
      const reader = createInterface({ input: stdin, output: stderr })
      try {
        // An end of input is an answer too: none.
        return await Promise.race([reader.question(question), once(reader, 'close').then(() => '')])
      } finally {
        reader.close()
      }
    }
  }
}
