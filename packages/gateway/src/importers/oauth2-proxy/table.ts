import { ACCESS_ROWS } from './rows/access.ts'
import { PROVIDER_ROWS } from './rows/provider.ts'
import { SERVER_ROWS } from './rows/server.ts'
import { SESSION_ROWS } from './rows/session.ts'
import { UPSTREAM_ROWS } from './rows/upstream.ts'
import type { Row } from './row.ts'

/** Every option of OAuth2 Proxy, once. */
export const ROWS: readonly Row[] = [...PROVIDER_ROWS, ...ACCESS_ROWS, ...SESSION_ROWS, ...UPSTREAM_ROWS, ...SERVER_ROWS]

const PREFIX = 'OAUTH2_PROXY_'

const byName = new Map(ROWS.map(row => [row.name, row]))
const byFlag = new Map(ROWS.map(row => [row.flag, row]))
const byVariable = new Map(ROWS.map(row => [PREFIX + row.name.toUpperCase(), row]))

/** Of an option's name in the file. */
export const rowOfName = (name: string): Row | null => byName.get(name) ?? null
/** Of an option's name on the command line. */
export const rowOfFlag = (flag: string): Row | null => byFlag.get(flag) ?? null
/** Of an environment variable. */
export const rowOfVariable = (variable: string): Row | null => byVariable.get(variable) ?? null

/** Whether a variable of the environment is meant for OAuth2 Proxy. */
export const isVariable = (variable: string): boolean => variable.startsWith(PREFIX)

export const NAMES: readonly string[] = [...byName.keys()]
export const FLAGS: readonly string[] = [...byFlag.keys()]
export const VARIABLES: readonly string[] = [...byVariable.keys()]
