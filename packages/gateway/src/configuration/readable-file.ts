import { accessSync, constants, statSync } from 'node:fs'

/** Why a file that an option names cannot be read; null: it can. */
export function fileProblem (file: string): string | null {
  try {
    accessSync(file, constants.R_OK)
    return statSync(file).isFile() ? null : 'names something that is no file'
  } catch (error) {
    return `names a file that cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'})`
  }
}
