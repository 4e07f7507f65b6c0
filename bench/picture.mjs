// The ratios as an SVG of bars: one row each, a line from the lowest round to the highest, readable on light and on dark.
const [WIDTH, LABELS, RIGHT, ROW, BAR, TOP, BOTTOM] = [920, 390, 70, 28, 16, 64, 34]

const STYLE = `
  .page { fill: #ffffff } .text { fill: #1f2328 } .faint { fill: #59636e } .grid { stroke: #d1d9e0 } .range { stroke: #1f2328 } .even { stroke: #59636e }
  .bare { fill: #8c959f } .ours { fill: #0969da } .peer { fill: #bf8700 }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif } .small { font-size: 12px } .head { font-size: 16px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #f0f6fc } .faint { fill: #9198a1 } .grid { stroke: #3d444d } .range { stroke: #f0f6fc } .even { stroke: #9198a1 }
    .bare { fill: #656c76 } .ours { fill: #4493f8 } .peer { fill: #d29922 }
  }
`

function escape (text) {
  return String(text).replace(/[&<>"']/g, character => `&#${character.codePointAt(0)};`)
}

function describe (summary) {
  return summary.map(({ title, ratio }) => `${title}: ${ratio.toFixed(2)}`).join('; ')
}

function scaleOf (summary) {
  const top = Math.ceil(Math.max(1, ...summary.map(({ ratioRange }) => ratioRange[1])) * 5) / 5
  const width = WIDTH - LABELS - RIGHT
  return { top, x: ratio => Math.round((LABELS + ratio / top * width) * 10) / 10 }
}

function drawGrid ({ top, x }, bottom) {
  const step = top > 2.4 ? 0.5 : 0.2
  return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, index) => {
    const ratio = Number((index * step).toFixed(1))
    return `<line class="${ratio === 1 ? 'even' : 'grid'}" x1="${x(ratio)}" x2="${x(ratio)}" y1="${TOP - 6}" y2="${bottom}"/><text class="faint small" text-anchor="middle" x="${x(ratio)}" y="${bottom + 18}">${ratio.toFixed(1)}</text>`
  })
}

function drawRow ({ title, group, ratio, ratioRange: [lowest, highest] }, index, { x }) {
  const y = TOP + index * ROW
  const middle = y + BAR / 2
  return [
    `<text class="text" text-anchor="end" x="${LABELS - 12}" y="${middle + 4.5}">${escape(title)}</text>`,
    `<rect class="${escape(group)}" x="${LABELS}" y="${y}" width="${Math.round((x(ratio) - LABELS) * 10) / 10}" height="${BAR}" rx="2"/>`,
    `<line class="range" x1="${x(lowest)}" x2="${x(highest)}" y1="${middle}" y2="${middle}"/>`,
    `<text class="text" x="${x(Math.max(ratio, highest)) + 6}" y="${middle + 4.5}">${ratio.toFixed(2)}</text>`
  ].join('')
}

/** A whole SVG document. `subtitle` says what was measured, and where. */
export function drawRatios (summary, { title, subtitle }) {
  const bottom = TOP + summary.length * ROW
  const scale = scaleOf(summary)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + BOTTOM}" width="${WIDTH}" height="${bottom + BOTTOM}" role="img" aria-labelledby="title desc">
<title id="title">${escape(title)}</title>
<desc id="desc">${escape(`${subtitle}. ${describe(summary)}.`)}</desc>
<style>${STYLE}</style>
<rect class="page" width="100%" height="100%"/>
<text class="text head" x="16" y="26">${escape(title)}</text>
<text class="faint small" x="16" y="44">${escape(subtitle)}</text>
${drawGrid(scale, bottom).join('\n')}
${summary.map((row, index) => drawRow(row, index, scale)).join('\n')}
</svg>
`
}
