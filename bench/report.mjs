// What stays of a run: a table on the terminal, a record, a picture.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawRatios } from './picture.mjs'

const dash = (value, show = String) => value === null || value === undefined ? '–' : show(value)
const megabytes = bytes => (bytes / 2 ** 20).toFixed(0)

const COLUMNS = [
  ['', row => row.title],
  ['requests/s', row => String(row.requestsPerSecond)],
  ['ratio', row => row.ratio.toFixed(2)],
  ['range', row => row.ratioRange.map(ratio => ratio.toFixed(2)).join('–')],
  ['CPU us/request', row => dash(row.cpuUsPerRequest)],
  ['CPU ratio', row => dash(row.cpuRatio, ratio => ratio.toFixed(2))],
  ['p50 ms', row => row.p50Ms.toFixed(2)],
  ['p99 ms', row => row.p99Ms.toFixed(2)],
  ['RSS MB', row => dash(row.rssBytes, megabytes)],
  ['to upstream', row => dash(row.upstreamBytes)],
  ['cookie', row => dash(row.cookieBytes)],
  ['Set-Cookie', row => dash(row.setCookieBytes)]
]

/** For a terminal. */
export function renderTable (summary) {
  const rows = [COLUMNS.map(([head]) => head), ...summary.map(row => COLUMNS.map(([, show]) => show(row)))]
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map(row => row[column].length)))
  return rows.map(row => row.map((cell, column) => column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join('  ')).join('\n')
}

/** Writes `<name>.json` and `<name>.svg` and answers their paths. */
export function save (record, folder, name) {
  mkdirSync(folder, { recursive: true })
  const { machine, options, load } = record
  const picture = drawRatios(record.summary, {
    title: 'Requests per second, as a share of a bare @fastify/http-proxy',
    subtitle: `${options.sessions} sessions, ${options.connections} connections, medians of ${options.rounds} rounds of ${options.duration} s with ${load}; ${machine.cpu ?? 'unknown processor'}, Node.js ${machine.node.slice(1)}`
  })
  const files = [[`${name}.json`, `${JSON.stringify(record, null, 2)}\n`], [`${name}.svg`, picture]]
  return files.map(([file, text]) => {
    writeFileSync(join(folder, file), text)
    return join(folder, file)
  })
}
