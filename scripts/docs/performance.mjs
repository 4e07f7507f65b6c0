// The figures of docs/performance.md, from the record of a run of the bench.

/** Share of the cores that may be busy before a run begins. */
const QUIET = 0.25

const dash = (value, show = String) => value === null || value === undefined ? '–' : show(value)
const fixed = digits => value => value.toFixed(digits)
const thousands = value => String(value).replace(/\B(?=(\d{3})+$)/g, ',')
const span = ([from, to], show) => `${show(from)} to ${show(to)}`

function table (heads, rows) {
  return [heads, heads.map((_, column) => column === 0 ? '---' : '---:'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

function nameOf ({ name, title }) {
  return `${title} (\`${name}\`)`
}

function speedTable (summary) {
  return table(
    ['', 'requests/s', 'ratio', 'lowest to highest round', 'CPU µs/request', 'CPU ratio', 'p50 ms', 'p99 ms', 'p99, × bare'],
    summary.map(row => [
      nameOf(row), thousands(row.requestsPerSecond), `**${row.ratio.toFixed(2)}**`, span(row.ratioRange, fixed(2)),
      dash(row.cpuUsPerRequest), dash(row.cpuRatio, fixed(2)), row.p50Ms.toFixed(2), row.p99Ms.toFixed(2), row.p99Ratio.toFixed(2)
    ])
  )
}

function bytesTable (summary) {
  return table(
    ['', 'memory MB', 'bytes to the upstream', 'Cookie bytes', 'Set-Cookie bytes'],
    summary.map(row => [nameOf(row), dash(row.rssBytes, bytes => (bytes / 2 ** 20).toFixed(0)), thousands(row.upstreamBytes), thousands(row.cookieBytes), thousands(row.setCookieBytes)])
  )
}

function describeMachine ({ startedAt, machine, options, load, sizes }) {
  const { cores, cpu, memoryBytes, node, platform, pinned } = machine
  const where = `${cpu ?? 'an unknown processor'}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${Math.round(memoryBytes / 2 ** 30)} GB, ${platform}, Node.js ${node.slice(1)}`
  const apart = pinned === null ? 'server and load share the cores' : `the server on core ${pinned.server}, load, upstream, provider and Redis on ${pinned.rest}`
  const session = sizes === null ? '' : ` A session is ${thousands(sizes.sessionBytes)} bytes, ${thousands(sizes.accessTokenBytes)} of which are the access token.`
  return `Measured ${startedAt.slice(0, 10)}: ${where}; ${apart}. ${load}, ${options.connections} connections, ${thousands(options.sessions)} sessions in rotation, ${options.rounds} rounds of ${options.duration} s after ${options.warmUp} s of warm-up.${session}`
}

function warnings ({ machine, summary, skipped }) {
  const [busy] = machine.loadBefore
  return [
    ...(busy > machine.cores * QUIET ? [`The machine was busy with other work (load average ${busy.toFixed(1)} on ${machine.cores} cores) when the run began: these figures show that everything runs, and say little of how fast.`] : []),
    ...summary.filter(({ note }) => note !== null).map(row => `\`${row.name}\`: ${row.note}.`),
    ...skipped.map(({ name, reason }) => `Not measured: \`${name}\`, because ${reason}.`)
  ]
}

/** @param record what a run of the bench wrote as JSON */
export function performanceMarkdown (record) {
  const said = warnings(record)
  return [
    describeMachine(record),
    ...(said.length === 0 ? [] : [said.map(line => `- ${line}`).join('\n')]),
    speedTable(record.summary),
    bytesTable(record.summary)
  ].join('\n\n')
}
