// People with sessions: they arrive through the provider, ask without a pause, and leave. What must never be is noted in words.
import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { Browser } from 'fastify-oidc-testing'
import { logIn, outside } from '../logins.mjs'

const MAX_FAULTS = 20
/** An answer under way when a logout was may have come from a renewal, whose result is shared for a while. */
const SECOND_LOOK_MS = 1500
const POST_BODY = 'x'.repeat(4096)

const pick = list => list[Math.floor(Math.random() * list.length)]
const nameOf = token => createHash('sha256').update(token).digest('base64url')

/** As a script of the page asks: whoever is not logged in is told 401. */
function writeRequests (host, path, cookie) {
  const common = `Host: ${host}\r\nCookie: ${cookie}\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\nAccept: */*\r\n`
  return {
    get: `GET ${path} HTTP/1.1\r\n${common}\r\n`,
    post: `POST ${path} HTTP/1.1\r\n${common}Content-Type: text/plain\r\nContent-Length: ${POST_BODY.length}\r\n\r\n${POST_BODY}`,
    describe: `GET ${path}request HTTP/1.1\r\n${common}\r\n`
  }
}

export function createCrowd ({ origin, issuer }) {
  const here = []
  const counts = { requests: 0, logins: 0, abandoned: 0, refused: 0, statuses: {}, renewals: {}, logouts: {} }
  const faults = []
  const owners = new Map()
  let known = null

  const count = (table, name) => { table[name] = (table[name] ?? 0) + 1 }
  const fault = text => { if (faults.length < MAX_FAULTS) faults.push(text) }
  const homeOf = kind => `${outside(origin)}/${kind}/`

  function writeFor (visitor) {
    visitor.cookie = visitor.browser.cookieHeader(homeOf(visitor.kind))
    visitor.requests = writeRequests(new URL(outside(origin)).host, `/${visitor.kind}/`, visitor.cookie)
  }

  /** The provider sees one user who comes back; the gateway, somebody new. */
  async function arrive (kind) {
    const browser = new Browser()
    if (known !== null) browser.setCookies(issuer, known)
    await logIn(browser, origin, `/${kind}/`)
    known ??= browser.cookies(issuer).map(({ name, value, path }) => `${name}=${value}; Path=${path}`)
    const visitor = { kind, browser, former: null, token: null, underWay: 0, leaving: false }
    writeFor(visitor)
    counts.logins++
    here.push(visitor)
  }

  function takeCookies (visitor, lines) {
    visitor.former = visitor.requests.get
    visitor.browser.setCookies(homeOf(visitor.kind), lines)
    writeFor(visitor)
    if (visitor.cookie === '' && !visitor.leaving) fault(`${visitor.kind}: the cookie was taken away from somebody who is logged in`)
  }

  /** What the upstream is told: an access token is of one session, and another one is a renewal. */
  function readToken (visitor, body) {
    const token = nameOf(JSON.parse(body).headers['x-access-token'] ?? '')
    const owner = owners.get(token)
    if (owner !== undefined && owner !== visitor) fault(`${visitor.kind}: the upstream was given the access token of somebody else`)
    owners.set(token, visitor)
    if (visitor.token !== null && visitor.token !== token) count(counts.renewals, visitor.kind)
    visitor.token = token
  }

  function note (visitor, sort, { status, setCookies, body }) {
    counts.requests++
    count(counts.statuses, status)
    if (status === 200) {
      if (setCookies.length > 0 && !visitor.leaving) takeCookies(visitor, setCookies)
      if (sort === 'describe') readToken(visitor, body)
    } else if (!(status === 401 && visitor.leaving)) fault(`${visitor.kind}: ${status} for somebody who is logged in: ${body.slice(0, 200)}`)
  }

  /** One request of somebody. */
  async function step (wire) {
    const visitor = pick(here)
    const turn = counts.requests % 500
    const sort = turn === 0 ? 'describe' : turn % 20 === 1 ? 'post' : 'get'
    visitor.underWay++
    try {
      note(visitor, sort, await wire.ask(visitor.requests[sort]))
    } finally {
      visitor.underWay--
    }
  }

  async function checkRefused (wire, visitor, when) {
    for (const bytes of [visitor.requests.get, visitor.former].filter(bytes => bytes !== null)) {
      const { status } = await wire.ask(bytes)
      if (status === 401) counts.refused++
      else fault(`${visitor.kind}: ${status} for somebody who is logged out, ${when}`)
    }
  }

  /** Who has been here longest goes, with requests of their own still under way. */
  async function leave (wire, kind) {
    const visitor = here.find(visitor => visitor.kind === kind)
    if (visitor === undefined || here.length < 3) return
    here.splice(here.indexOf(visitor), 1)
    visitor.leaving = true
    const { requests, former } = visitor
    const { status } = await visitor.browser.navigate(`${homeOf(kind)}logout`, { from: homeOf(kind), follow: false })
    if (status !== 302) return fault(`${kind}: a logout was answered with ${status}`)
    count(counts.logouts, kind)
    const gone = { kind, requests, former }
    await checkRefused(wire, gone, 'at once')
    while (visitor.underWay > 0) await wait(10)
    await wait(SECOND_LOOK_MS)
    await checkRefused(wire, gone, 'later')
    for (const [token, owner] of owners) if (owner === visitor) owners.delete(token)
  }

  return {
    counts,
    faults,
    fault,
    arrive,
    leave,
    step,
    get size () { return here.length },
    requestOfSomebody () {
      counts.abandoned++
      return pick(here).requests.get
    }
  }
}
