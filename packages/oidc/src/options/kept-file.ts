import { unwatchFile, watchFile } from 'node:fs'
import { readFile } from 'node:fs/promises'

/** A file that is read again whenever it changes: written over, or another one put in its place. */
export interface KeptFile<T> {
  /** What the last good version says. */
  readonly current: T
  close (): void
}

export interface KeptFileRoom<T> {
  readonly path: string
  /** Throws for a text that cannot be used; what is thrown says why, and nothing of the text. */
  parse (text: string): T
  /** It changed and was read. */
  onRead (value: T): void
  /** It changed and cannot be used: what was read before stays. */
  onBroken (error: Error): void
}

/** By name and not by inode, so that a rename, and a link that is put elsewhere (ConfigMaps of Kubernetes), are seen. */
const LOOK_EVERY_MS = 1000
const UTF_8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads a file and keeps it up to date, within a second or so, until it is closed.
 * @rejects with the system's error, or what `parse` throws, when it cannot be used now
 */
export async function keepFile<T> ({ path, parse, onRead, onBroken }: KeptFileRoom<T>): Promise<KeptFile<T>> {
  const read = async (): Promise<T> => parse(UTF_8.decode(await readFile(path)))
  let current: T
  let reading: Promise<unknown>
  const readAgain = async (): Promise<void> => {
    try {
      current = await read()
    } catch (error) {
      onBroken(error as Error)
      return
    }
    onRead(current)
  }
  const onChange = (): void => { reading = reading.then(readAgain) }
  // Watched before it is read: a change in between is not missed.
  watchFile(path, { interval: LOOK_EVERY_MS, persistent: false }, onChange)
  const close = (): void => { unwatchFile(path, onChange) }
  const first = read()
  reading = first.catch(() => {})
  try {
    current = await first
  } catch (error) {
    close()
    throw error
  }
  return { get current () { return current }, close }
}
