import t from 'tap'
import { drawRatios } from '../../bench/picture.mjs'

const words = { title: 'Shares of <bare>', subtitle: '7 rounds & more' }
const rows = [
  { title: 'Bare', group: 'bare', ratio: 1, ratioRange: [1, 1] },
  { title: '"Ours" & <theirs>', group: 'ours', ratio: 1.25, ratioRange: [1.1, 1.4] },
  { title: 'Peer', group: 'peer', ratio: 0.5, ratioRange: [0.45, 0.52] }
] as const

function attributes (svg: string, tag: string, kind: string): Array<Record<string, number>> {
  return [...svg.matchAll(new RegExp(`<${tag} class="${kind}"([^>]*)>`, 'g'))]
    .map(([, text = '']) => Object.fromEntries([...text.matchAll(/(\w+)="([\d.]+)"/g)].map(([, name, value]) => [name, Number(value)])))
}

t.test('a bar is as long as its ratio, from a common line', async t => {
  const svg = drawRatios(rows, words)
  const [bare, ours, peer] = ['bare', 'ours', 'peer'].map(group => attributes(svg, 'rect', group)[0])
  t.equal(bare?.x, ours?.x)
  t.ok(Math.abs((ours?.width ?? 0) / (bare?.width ?? 1) - 1.25) < 0.01)
  t.ok(Math.abs((peer?.width ?? 0) / (bare?.width ?? 1) - 0.5) < 0.01)
  t.equal(attributes(svg, 'line', 'even')[0]?.x1, (bare?.x ?? 0) + (bare?.width ?? 0), 'the line at 1.0 is where the bare bar ends')
})

t.test('a line goes from the lowest round to the highest, and nothing leaves the picture', async t => {
  const svg = drawRatios(rows, words)
  const range = attributes(svg, 'line', 'range')[1]
  const bar = attributes(svg, 'rect', 'ours')[0]
  t.ok((range?.x1 ?? 0) < (bar?.x ?? 0) + (bar?.width ?? 0) && (range?.x2 ?? 0) > (bar?.x ?? 0) + (bar?.width ?? 0))
  const width = Number(/viewBox="0 0 (\d+)/.exec(svg)?.[1])
  for (const [, x] of svg.matchAll(/\bx[12]?="([\d.]+)"/g)) t.ok(Number(x) < width - 40, `${x} leaves room for a number`)
})

t.test('whoever cannot see it is told the title and every figure', async t => {
  const svg = drawRatios(rows, words)
  t.match(svg, /role="img" aria-labelledby="title desc"/)
  t.match(svg, '<title id="title">Shares of &#60;bare&#62;</title>')
  t.match(svg, /<desc id="desc">7 rounds &#38; more\. Bare: 1\.00; .*: 1\.25; Peer: 0\.50\.<\/desc>/)
})

t.test('it is well-formed whatever the titles say, with colours for light and dark', async t => {
  const svg = drawRatios(rows, words)
  t.match(svg, '&#34;Ours&#34; &#38; &#60;theirs&#62;')
  t.notMatch(svg.replace(/<\/?(svg|title|desc|style|rect|text|line)\b[^<>]*>/g, ''), /[<>]/, 'no other tags')
  t.match(svg, /prefers-color-scheme: dark/)
  const [light = '', dark = ''] = (/<style>([\s\S]*)<\/style>/.exec(svg)?.[1] ?? '').split('@media')
  for (const name of ['page', 'text', 'faint', 'grid', 'range', 'even', 'bare', 'ours', 'peer']) {
    t.match(light, `.${name} {`)
    t.match(dark, `.${name} {`)
  }
})
