// What one request is made of, apart from its speed.
import { once } from 'node:events'
import { get } from 'node:http'
import { repeat } from './repeat.mjs'

/** One request on a connection of its own, which has to be answered by 200. */
export async function ask (origin, path, headers) {
  const [response] = await once(get(`${origin}${path}`, { headers, agent: false }), 'response')
  let text = ''
  for await (const part of response.setEncoding('utf8')) text += part
  if (response.statusCode !== 200) throw new Error(`${origin}${path} answers ${response.statusCode}`)
  const setCookies = response.headers['set-cookie'] ?? []
  return { text, setCookieBytes: setCookies.join('').length }
}

function average (values) {
  return Math.round(values.reduce((sum, value) => sum + value, 0) / values.length)
}

/** Every session has to open; sizes are those of a request that comes again. */
export async function probe ({ server, headerSets }) {
  await repeat(headerSets.length, index => ask(server.origin, '/', headerSets[index]))
  const { text } = await ask(server.origin, '/request', headerSets[0])
  const { setCookieBytes } = await ask(server.origin, '/', headerSets[0])
  return {
    upstreamBytes: JSON.parse(text).bytes,
    cookieBytes: average(headerSets.map(({ cookie = '' }) => cookie.length)),
    setCookieBytes
  }
}
