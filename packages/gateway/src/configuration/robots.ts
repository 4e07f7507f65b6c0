import { readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { OptionProblem } from 'fastify-oidc-session-store'
import { problemAt } from './problems.ts'
import type { ResolvedGatewayOptions } from './schema.ts'

/** What `/robots.txt` answers; null: the path is one like any other. */
interface ReadRobots {
  readonly text: string | null
  readonly problems: readonly OptionProblem[]
}

/** RFC 9309. */
const DENY_ALL = 'User-agent: *\nDisallow: /\n'
/** Crawlers read no more (RFC 9309, section 2.5). */
const MAX_BYTES = 500 * 1024

/** The operator's own, where one stands beside the templates; else it asks crawlers to stay away. */
export function readRobots ({ robots_txt: isOn, endpoints }: ResolvedGatewayOptions, directory: string): ReadRobots {
  const folder = endpoints?.custom_templates_dir
  if (!isOn || folder === undefined) return { text: isOn ? DENY_ALL : null, problems: [] }
  const failed = (message: string): ReadRobots => ({ text: null, problems: [problemAt(['endpoints', 'custom_templates_dir'], message)] })
  try {
    const file = join(resolve(directory, folder), 'robots.txt')
    if (statSync(file).size > MAX_BYTES) return failed(`has a robots.txt that is longer than ${MAX_BYTES / 1024} KB`)
    return { text: readFileSync(file, 'utf8'), problems: [] }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return code === 'ENOENT' || code === 'ENOTDIR' ? { text: DENY_ALL, problems: [] } : failed(`has a robots.txt that cannot be read (${code})`)
  }
}
