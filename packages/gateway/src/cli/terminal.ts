import type { WriteStream } from 'node:tty'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

/** Where a command writes. */
export interface Terminal {
  out (text: string): void
  err (text: string): void
  /** Styled for standard output, or for standard error; plain where nobody looks. */
  style (stream: 'out' | 'err', style: Style, text: string): string
}

const CODES: Readonly<Record<Style, readonly [number, number]>> = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] }

type Output = Pick<WriteStream, 'write'> & { readonly isTTY?: boolean }

/** Writes to a process's streams; colours only on a terminal, and not with NO_COLOR (no-color.org). */
export function createTerminal (streams: { readonly stdout: Output, readonly stderr: Output }, environment: NodeJS.ProcessEnv): Terminal {
  const isPlain = (environment.NO_COLOR ?? '') !== '' || environment.TERM === 'dumb'
  return {
    out: text => { streams.stdout.write(`${text}\n`) },
    err: text => { streams.stderr.write(`${text}\n`) },
    style (stream, style, text) {
      const target = stream === 'out' ? streams.stdout : streams.stderr
      if (isPlain || target.isTTY !== true) return text
      const [on, off] = CODES[style]
      return `\u001B[${on}m${text}\u001B[${off}m`
    }
  }
}
