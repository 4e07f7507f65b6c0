import { readFileSync, statSync } from 'node:fs'

const MAX_BYTES = 256 * 1024

/** What is wrong with a file of the operator. */
export class FileFault extends Error {}

/**
 * A file that becomes part of a page, up to 256 KB.
 * @throws FileFault
 */
export function readOwnFile (path: string): Buffer {
  try {
    const { size } = statSync(path)
    if (size > MAX_BYTES) throw new FileFault(`is longer than ${MAX_BYTES / 1024} KB`)
    return readFileSync(path)
  } catch (error) {
    if (error instanceof FileFault) throw error
    throw new FileFault(`cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`)
  }
}
