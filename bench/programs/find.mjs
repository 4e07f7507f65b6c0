import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

function canRun (file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The first program of this name on the PATH, or where Debian keeps what only root needs; null when there is none. */
export function findProgram (name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return folders.filter(folder => folder !== '').map(folder => join(folder, name)).find(canRun) ?? null
}
