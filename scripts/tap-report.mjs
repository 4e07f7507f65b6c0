// Reads the TAP of a whole run as it comes: one line a test file, the failures in full, the counts.

const SUBTEST = /^# Subtest: (.*)$/
const RESULT = /^(not )?ok \d+ - (.*?)(?: # time=([\d.]+)ms)?$/
const FAILED_POINT = /^(\s*)not ok \d+/
const COMMENT = /^\s+# (?!Subtest|time=)/
const UNDONE_POINT = /^\s*(?:not )?ok \d+ - (.*?) # (SKIP|TODO)\b ?(.*)$/
const COUNTS = /^# \{ (.*) \}$/

function readCounts (text) {
  const counts = Object.fromEntries(text.split(', ').map(pair => pair.split(': ')))
  return { passed: Number(counts.pass ?? 0), failed: Number(counts.fail ?? 0) }
}

function formatTime (ms) {
  return ms === undefined ? '' : ` (${(Number(ms) / 1000).toFixed(1)} s)`
}

/** The failed points and the comments of one test file, without what passed; its last lines when no point failed. */
function failures (lines) {
  const kept = []
  let diagnostic = null
  let after = false
  for (const line of lines) {
    const failed = FAILED_POINT.exec(line)
    if (failed || (diagnostic === null && COMMENT.test(line))) kept.push(line)
    else if (after && /^\s+---$/.test(line)) diagnostic = line.indexOf('-')
    if (diagnostic !== null) kept.push(line)
    if (diagnostic !== null && line.trim() === '...' && line.indexOf('...') === diagnostic) diagnostic = null
    after = failed !== null
  }
  return kept.length > 0 ? kept : lines.filter(line => line.trim() !== '').slice(-30)
}

/** Takes lines, writes a report with `write`, and answers the outcome at the end. Comments are shown of files that failed, or of all. */
export function createTapReport (write, { comments = 'of failed' } = {}) {
  const undone = []
  let counts = null
  let file = null
  let body = []
  let inDiagnostic = false

  function endFile (failed, name, time) {
    write(`  ${failed ? 'FAIL' : 'ok  '} ${name}${formatTime(time)}`)
    const shown = failed ? failures(body) : comments === 'of all' ? body.filter(line => COMMENT.test(line)) : []
    for (const kept of shown) write(`     ${kept}`)
    file = null
    body = []
  }

  function undoneIn (line) {
    const point = UNDONE_POINT.exec(line)
    if (point) undone.push({ file: file ?? point[1], name: point[1], kind: point[2].toLowerCase(), reason: point[3] })
    return point !== null
  }

  return {
    line (line) {
      const start = SUBTEST.exec(line)
      if (start) file = start[1]
      if (start || line === 'TAP version 14' || /^\d+\.\.\d+/.test(line)) return undefined
      const isUndone = undoneIn(line)
      const result = isUndone ? null : RESULT.exec(line)
      if (result) return endFile(result[1] !== undefined, result[2], result[3])
      if (file !== null) return body.push(line)
      if (/^ {2}(---|\.\.\.)$/.test(line)) inDiagnostic = line.endsWith('---')
      else if (COUNTS.test(line)) counts = readCounts(COUNTS.exec(line)[1])
      else if (!inDiagnostic && !isUndone && line !== '' && !line.startsWith('# time=')) write(line)
    },
    /** `null` counts: the run ended before it could count. */
    end () {
      return { counts, undone }
    }
  }
}
