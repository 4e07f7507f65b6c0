import type { Script } from './scripted-upstream.ts'

/** One request and what the upstream makes of it. */
export interface Exchange {
  readonly name: string
  readonly method: string
  readonly target: string
  readonly version: '1.0' | '1.1'
  readonly lines: readonly string[]
  readonly body: string
  readonly script: Script
}

type Part = Partial<Omit<Exchange, 'name' | 'script'>>

const HELLO = 'hello'

function answer (status: number | string, lines: readonly string[], body: string): string {
  return [`HTTP/1.1 ${status}${typeof status === 'number' ? ' Said So' : ''}`, ...lines, '', body].join('\r\n')
}

function chunked (parts: readonly string[], trailers: readonly string[] = []): string {
  return [...parts.flatMap(part => [part.length.toString(16), part]), '0', ...trailers, '', ''].join('\r\n')
}

const ok = answer(200, ['Content-Length: 5'], HELLO)

function exchange (name: string, pieces: string | readonly string[], { method = 'GET', target = '/x', version = '1.1', lines = [], body = '' }: Part = {}, then: Script['then'] = 'end'): Exchange {
  return { name, method, target, version, lines, body, script: { pieces: typeof pieces === 'string' ? [pieces] : pieces, then } }
}

const STATUSES = [200, 201, 202, 203, 205, 206, 207, 226, 299, 300, 301, 302, 303, 305, 307, 308, 400, 401, 403, 404, 405, 406, 409, 410, 413, 418, 421, 425, 429, 431, 451, 500, 501, 502, 503, 504, 511, 599]

function * ofStatuses (): Iterable<Exchange> {
  for (const status of STATUSES) {
    yield exchange(`${status}, length`, answer(status, ['Content-Length: 5', 'Content-Type: text/plain'], HELLO))
    yield exchange(`${status}, chunks`, answer(status, ['Transfer-Encoding: chunked'], chunked([HELLO, ' world'])))
    yield exchange(`${status}, until the end`, answer(status, ['Connection: close'], HELLO))
    yield exchange(`${status} to HEAD`, answer(status, ['Content-Length: 5'], ''), { method: 'HEAD' })
  }
  for (const status of [204, 304]) {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) yield exchange(`${status} to ${method}`, answer(status, ['ETag: "1"', 'X-A: 1'], ''), { method, lines: method === 'POST' ? ['Content-Length: 0'] : [] })
    yield exchange(`${status} with a length`, answer(status, ['Content-Length: 5'], ''))
    yield exchange(`${status} with a length of 0`, answer(status, ['Content-Length: 0'], ''))
    yield exchange(`${status} with a type`, answer(status, ['Content-Type: text/html'], ''))
    yield exchange(`${status} that says chunked`, answer(status, ['Transfer-Encoding: chunked'], ''))
  }
  for (const status of ['100 Continue', '99 Low', '000 Nothing', '600 High', '799 Odd', '999 Last', '1000 Long', '20 Short', 'abc']) yield exchange(`status ${status}`, answer(status, ['Content-Length: 5'], HELLO))
  for (const phrase of ['', ' ', ' Very Long Phrase Of The Upstream', ' caf\u00e9', ' \u00ff\u00fe']) yield exchange(`a phrase of ${phrase.length}`, `HTTP/1.1 404${phrase}\r\nContent-Length: 0\r\n\r\n`)
}

function * ofBodies (): Iterable<Exchange> {
  for (const size of [0, 1, 2, 200, 4095, 4096, 4097, 16_383, 16_384, 65_535, 65_536, 200_000]) {
    const body = 'abcdefghij'.repeat(Math.ceil(size / 10)).slice(0, size)
    yield exchange(`${size} bytes, length`, answer(200, [`Content-Length: ${size}`], body))
    yield exchange(`${size} bytes, in pieces`, [answer(200, [`Content-Length: ${size}`], ''), body.slice(0, size / 2), body.slice(size / 2)])
    yield exchange(`${size} bytes, chunks`, answer(200, ['Transfer-Encoding: chunked'], chunked(size === 0 ? [] : [body])))
    yield exchange(`${size} bytes, small chunks`, answer(200, ['Transfer-Encoding: chunked'], chunked(body.slice(0, 2000).match(/.{1,7}/g) ?? [])))
    yield exchange(`${size} bytes, until the end`, answer(200, ['Connection: close'], body))
    yield exchange(`${size} bytes, HTTP/1.0`, answer(200, [], body).replace('1.1', '1.0'))
    yield exchange(`${size} bytes, to HTTP/1.0`, answer(200, [`Content-Length: ${size}`], body), { version: '1.0' })
    yield exchange(`${size} bytes, chunks, to HTTP/1.0`, answer(200, ['Transfer-Encoding: chunked'], chunked(size === 0 ? [] : [body])), { version: '1.0' })
  }
  yield exchange('every byte', answer(200, ['Content-Length: 256'], String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte))))
  yield exchange('a head in single bytes', [...ok])
  yield exchange('chunks with extensions', answer(200, ['Transfer-Encoding: chunked'], '5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n'))
  yield exchange('chunk sizes in capitals and with zeros', answer(200, ['Transfer-Encoding: chunked'], '00A\r\n0123456789\r\n000\r\n\r\n'))
  yield exchange('trailers, unasked', answer(200, ['Transfer-Encoding: chunked', 'Trailer: X-Sum'], chunked([HELLO], ['X-Sum: 1'])))
  yield exchange('trailers', answer(200, ['Transfer-Encoding: chunked', 'Trailer: X-Sum'], chunked([HELLO], ['X-Sum: 1', 'X-Two: 2'])), { lines: ['TE: trailers'] })
  yield exchange('trailers that are none', answer(200, ['Transfer-Encoding: chunked'], chunked([HELLO], ['Set-Cookie: session=evil', 'Content-Length: 1', 'X-Good: 1', 'Cache-Control: public'])), { lines: ['TE: trailers, deflate'] })
  yield exchange('trailers without a body', answer(200, ['Transfer-Encoding: chunked'], chunked([], ['X-Sum: 1'])), { lines: ['TE: trailers'] })
  yield exchange('events', answer(200, ['Content-Type: text/event-stream'], 'data: 1\n\ndata: 2\n\n'))
  yield exchange('a body for HEAD', answer(200, ['Content-Length: 5'], HELLO), { method: 'HEAD' })
  yield exchange('HEAD, chunked', answer(200, ['Transfer-Encoding: chunked'], ''), { method: 'HEAD' })
  yield exchange('HEAD without framing', answer(200, ['X-A: 1'], ''), { method: 'HEAD' })
}

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'two of a name': ['X-Many: 1', 'X-Many: 2'],
  'three of a name in three spellings': ['X-Many: 1', 'x-many: 2', 'X-MANY: 3'],
  'a list of cookies': ['Set-Cookie: a=1; Path=/', 'Set-Cookie: b=2', 'set-cookie: c=3; HttpOnly'],
  'our cookies': ['Set-Cookie: session=evil', 'Set-Cookie: a=1', 'Set-Cookie: __Host-session=evil; Secure', 'Set-Cookie: =session=evil'],
  'nothing but our cookie': ['Set-Cookie: session=evil'],
  'bytes above ASCII': ['X-Name: caf\u00e9'],
  'UTF-8': ['X-Name: caf\u00c3\u00a9 \u00e2\u0082\u00ac'],
  'a file name in UTF-8': ['Content-Disposition: attachment; filename="\u00e2\u0082\u00ac.txt"'],
  'an empty value': ['X-Empty:', 'X-Blank:   '],
  'blanks around a value': ['X-Blanks: \t a  b \t '],
  'a value of 8,000 bytes': [`X-Long: ${'x'.repeat(8000)}`],
  'a hundred headers': Array.from({ length: 100 }, (_, index) => `X-${index}: ${index}`),
  'odd names': ['x_under: 1', 'X.Dot: 2', '!#$%&\'*+-.^_`|~: 3'],
  'hop-by-hop headers': ['Keep-Alive: timeout=5', 'Proxy-Authenticate: Basic', 'Proxy-Connection: close', 'Upgrade: h2c', 'TE: trailers', 'Trailer: X-A'],
  'headers that Connection names': ['Connection: close, X-Foo, x-bar', 'X-Foo: 1', 'X-Bar: 2', 'X-Baz: 3'],
  'headers that two Connections name': ['Connection: X-Foo', 'Connection: close', 'X-Foo: 1'],
  'Connection names Set-Cookie': ['Connection: set-cookie, close', 'Set-Cookie: a=1'],
  'a date': ['Date: Sat, 01 Jan 2000 00:00:00 GMT'],
  'a server': ['Server: upstream/1', 'X-Powered-By: x', 'Via: 1.1 other'],
  'a path as Location': ['Location: /inner/y?a=b#c'],
  'our prefix as Location': ['Location: /x'],
  'another host as Location': ['Location: https://other.example/inner/y'],
  'a relative Location': ['Location: ../y'],
  'an empty Location': ['Location:'],
  'two Locations': ['Location: /a', 'Location: /b'],
  'a Location above ASCII': ['Location: /caf\u00c3\u00a9'],
  'public caching': ['Cache-Control: public, max-age=60', 'CDN-Cache-Control: max-age=600', 'Surrogate-Control: x', 'X-Accel-Expires: 60'],
  'two Cache-Controls': ['Cache-Control: max-age=60', 'Cache-Control: no-transform'],
  'private caching': ['Cache-Control: private, no-store'],
  Vary: ['Vary: Accept-Encoding'],
  'Vary: *': ['Vary: *'],
  'Vary on Origin': ['Vary: Accept, origin'],
  'frame options': ['X-Frame-Options: DENY', 'Access-Control-Allow-Origin: https://upstream.example'],
  'a challenge': ['WWW-Authenticate: Basic realm="a"', 'WWW-Authenticate: Bearer'],
  compressed: ['Content-Encoding: gzip', 'Vary: Accept-Encoding'],
  ranges: ['Accept-Ranges: bytes', 'Content-Range: bytes 0-4/5', 'ETag: W/"1"'],
  'a field of Fastify': ['X-Request-Id: 7', 'Content-Type: text/html; charset=iso-8859-1']
}

/** What hooks and plugins put on the reply, by the name that the application in `differential.test.ts` knows. */
const HOOKS = ['none', 'cookie', 'cors', 'raw', 'renew'] as const

function * ofHeaders (): Iterable<Exchange> {
  for (const [name, lines] of Object.entries(HEADERS)) {
    for (const hook of HOOKS) yield exchange(`${name}, hook ${hook}`, answer(200, ['Content-Length: 5', ...lines], HELLO), hook === 'renew' ? { target: '/renew' } : { lines: [`X-Hook: ${hook}`] })
  }
  for (const body of ['', HELLO]) {
    yield exchange(`a length of ${body.length}, hook framing`, answer(200, [`Content-Length: ${body.length}`], body), { lines: ['X-Hook: framing'] })
    yield exchange(`${body.length} bytes in chunks, hook framing`, answer(200, ['Transfer-Encoding: chunked'], chunked(body === '' ? [] : [body])), { lines: ['X-Hook: framing'] })
  }
  for (const hook of HOOKS) yield exchange(`no header at all, hook ${hook}`, answer(200, [], HELLO), hook === 'renew' ? { target: '/renew' } : { lines: [`X-Hook: ${hook}`] })
}

function * ofHints (): Iterable<Exchange> {
  const hint = answer('103 Early Hints', ['Link: </a.css>; rel=preload; as=style', 'X-A: 1'], '')
  yield exchange('a hint', hint + ok)
  yield exchange('a hint to HTTP/1.0', hint + ok, { version: '1.0' })
  yield exchange('two hints', hint + hint + ok)
  yield exchange('a hint with two links', answer('103 Early Hints', ['Link: </a.css>; rel=preload, </b.css>; rel=preload', 'Link: </c.js>; rel="preload"; as=script'], '') + ok)
  yield exchange('a hint without a link', answer('103 Early Hints', ['Set-Cookie: session=evil'], '') + ok)
  yield exchange('a hint with a link that is none', answer('103 Early Hints', ['Link: nothing'], '') + ok)
  yield exchange('a hint with links that Node refuses', answer('103 Early Hints', ['Link: </a.css>; rel="preload', 'Link: </a b>; rel=preload; title="a b"', 'Link: </b.css>', `Link: </c.css>; ${'a='.repeat(4000)}"`], '') + ok)
  yield exchange('102', answer('102 Processing', [], '') + ok)
  yield exchange('199', answer('199 Odd', [], '') + ok)
  yield exchange('100, unasked', answer('100 Continue', [], '') + ok)
  yield exchange('101, unasked', answer('101 Switching Protocols', ['Upgrade: x', 'Connection: Upgrade'], '') + ok)
  yield exchange('a hint and nothing', hint)
}

function * ofFaults (): Iterable<Exchange> {
  const cut: Readonly<Record<string, string>> = {
    nothing: '',
    'half a status line': 'HTTP/1.',
    'half a head': 'HTTP/1.1 200 OK\r\nContent-Le',
    'a head alone': answer(200, ['Content-Length: 5'], ''),
    'half a body': answer(200, ['Content-Length: 5'], 'he'),
    'half a chunk': answer(200, ['Transfer-Encoding: chunked'], '5\r\nhe'),
    'chunks without an end': answer(200, ['Transfer-Encoding: chunked'], '5\r\nhello\r\n'),
    'half an end of chunks': answer(200, ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n'),
    'a chunked head alone': answer(200, ['Transfer-Encoding: chunked'], '')
  }
  for (const [name, text] of Object.entries(cut)) {
    for (const then of ['end', 'reset'] as const) {
      for (const method of ['GET', 'POST']) yield exchange(`${name}, ${then}, ${method}`, text, method === 'GET' ? {} : { method, lines: ['Content-Length: 5'], body: HELLO }, then)
    }
  }
  const broken: Readonly<Record<string, string>> = {
    'another protocol': 'SSH-2.0-OpenSSH_9\r\n',
    'HTTP/0.9': '<html>hello</html>',
    'HTTP/2.0': 'HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.2': 'HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'two lengths': answer(200, ['Content-Length: 5', 'Content-Length: 6'], 'hello!'),
    'the same length twice': answer(200, ['Content-Length: 5', 'Content-Length: 5'], HELLO),
    'a list of lengths': answer(200, ['Content-Length: 5, 5'], HELLO),
    'a length and chunks': answer(200, ['Content-Length: 5', 'Transfer-Encoding: chunked'], chunked([HELLO])),
    'chunks and a length': answer(200, ['Transfer-Encoding: chunked', 'Content-Length: 5'], chunked([HELLO])),
    'a negative length': answer(200, ['Content-Length: -5'], HELLO),
    'a length with a sign': answer(200, ['Content-Length: +5'], HELLO),
    'a length in hexadecimal': answer(200, ['Content-Length: 0x5'], HELLO),
    'a length beyond measure': answer(200, ['Content-Length: 99999999999999999999'], HELLO),
    'an empty length': answer(200, ['Content-Length:'], HELLO),
    'a chunk size that is none': answer(200, ['Transfer-Encoding: chunked'], 'xyz\r\nhello\r\n0\r\n\r\n'),
    'a chunk longer than its size': answer(200, ['Transfer-Encoding: chunked'], '3\r\nhello\r\n0\r\n\r\n'),
    'chunked, in a list': answer(200, ['Transfer-Encoding: gzip, chunked'], chunked([HELLO])),
    'chunked, not last': answer(200, ['Transfer-Encoding: chunked, gzip'], chunked([HELLO])),
    'chunked, twice': answer(200, ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], chunked([HELLO])),
    'a coding in disguise': answer(200, ['Transfer-Encoding: xchunked'], chunked([HELLO])),
    'a coding with a tab': answer(200, ['Transfer-Encoding:\tchunked'], chunked([HELLO])),
    'more than the length': answer(200, ['Content-Length: 5'], 'hello and more'),
    'two answers': ok + answer(200, ['Content-Length: 4'], 'evil'),
    'bare line feeds': ok.replaceAll('\r\n', '\n'),
    'bare carriage returns': ok.replaceAll('\r\n', '\r'),
    'a space before a colon': answer(200, ['X-A : 1', 'Content-Length: 5'], HELLO),
    'a folded header': answer(200, ['X-A: 1', ' 2', 'Content-Length: 5'], HELLO),
    'a header without a name': answer(200, [': 1', 'Content-Length: 5'], HELLO),
    'a header without a colon': answer(200, ['nothing', 'Content-Length: 5'], HELLO),
    'a zero byte in a value': answer(200, ['X-A: a\u0000b', 'Content-Length: 5'], HELLO),
    'a bell in a value': answer(200, ['X-A: a\u0007b', 'Content-Length: 5'], HELLO),
    'DEL in a value': answer(200, ['X-A: a\u007fb', 'Content-Length: 5'], HELLO),
    'a name above ASCII': answer(200, ['X-\u00e9: 1', 'Content-Length: 5'], HELLO),
    'headers beyond measure': answer(200, [`X-Long: ${'x'.repeat(20_000)}`, 'Content-Length: 5'], HELLO),
    'a thousand headers': answer(200, [...Array.from({ length: 1000 }, (_, index) => `X${index}: 1`), 'Content-Length: 5'], HELLO),
    'a line before the status': `\r\n${ok}`,
    'a space before the status': ` ${ok}`
  }
  for (const [name, text] of Object.entries(broken)) {
    yield exchange(name, text)
    yield exchange(`${name}, to HEAD`, text, { method: 'HEAD' })
  }
}

function * ofRequests (): Iterable<Exchange> {
  const targets = ['/', '/x?', '/x?a=1&a=2', '/x?a=%20b+c', '/x?a?b', '/x?#', '/x?a#b', '/x#', '/x#/b', '/#/../b', '/a%20b', '/a%2fb', '/a%2Fb', '/%61', '/a%zz', '/a%', '/caf%C3%A9', '/caf\u00c3\u00a9', '/\u00ff', '/a|b', '/a"b', '/a<b>', '/a^b`c', '/a{b}', '/a\\b', '/a[b]', '/a;b=c', '/a..b', '/.a', '/a/.', '/a/./b', '/a//b', '//a', '//a.example/b', '///a', '/a/', '/a/..', '/a/../b', '/%2e%2e/b', '/a/%2e%2e%2fb', '/a/..;/b', '/a%00b', '/a%0d%0ab', '/:8080/a', '/@a', '/http://a.example/', 'http://a.example/x', 'http://a.example', 'https://a.example/x?y', '*', 'x', '?x', '/api', '/api/', '/api/x?y', '/API/x', '/%61pi/x', '/api%2fx', '/apix', '/api/./x', '/api//x', '/api/../x', '/api/..%2fx', '/api\\x', '/api/%2e', '/api/x%2f..%2fy']
  for (const target of targets) yield exchange(`target ${target}`, ok, { target })
  yield exchange('a target of 8,000 bytes', ok, { target: `/${'a'.repeat(8000)}` })
  const bodies: ReadonlyArray<[string, readonly string[], string]> = [['no body', [], ''], ['an empty body', ['Content-Length: 0'], ''], ['5 bytes', ['Content-Length: 5', 'Content-Type: text/plain'], HELLO], ['5 bytes of no type', ['Content-Length: 5'], HELLO], ['chunks', ['Transfer-Encoding: chunked', 'Content-Type: application/json'], chunked(['{"a" ', ': 1}'])], ['no chunks', ['Transfer-Encoding: chunked'], chunked([])], ['70,000 bytes', ['Content-Length: 70000'], 'x'.repeat(70_000)], ['chunks with a trailer', ['Transfer-Encoding: chunked', 'Trailer: X-Sum'], chunked([HELLO], ['X-Sum: 1'])], ['an expectation', ['Content-Length: 5', 'Expect: 100-continue'], HELLO], ['another expectation', ['Content-Length: 5', 'Expect: wonders'], HELLO], ['a length that Connection names', ['Content-Length: 5', 'Connection: close, content-length'], HELLO], ['a type that Connection names', ['Content-Length: 5', 'Content-Type: text/plain', 'Connection: close, content-type'], HELLO]]
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    for (const [name, lines, body] of bodies) yield exchange(`${method} with ${name}`, method === 'HEAD' ? answer(200, ['Content-Length: 5'], '') : ok, { method, lines, body })
  }
  for (const method of ['TRACE', 'CONNECT', 'PROPFIND', 'get', 'NOPE', 'QUERY']) yield exchange(`method ${method}`, ok, { method })
  const smuggled: Readonly<Record<string, readonly string[]>> = {
    'length and chunks': ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    'two lengths': ['Content-Length: 5', 'Content-Length: 6'],
    'a coding in a list': ['Transfer-Encoding: gzip, chunked'],
    'a coding in disguise': ['Transfer-Encoding: xchunked'],
    'identity coding': ['Transfer-Encoding: identity'],
    'two codings': ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    'a space before the colon': ['Content-Length : 5'],
    'a folded header': ['X-A: 1', ' Content-Length: 6', 'Content-Length: 5'],
    'an underscore': ['Content_Length: 6', 'Content-Length: 5'],
    'a sign': ['Content-Length: +5'],
    'two hosts': ['Host: evil.example', 'Content-Length: 5'],
    'a bare line feed': ['X-A: 1\nX-B: 2', 'Content-Length: 5']
  }
  for (const [name, lines] of Object.entries(smuggled)) yield exchange(`smuggling by ${name}`, ok, { method: 'POST', lines, body: lines.some(line => line.includes('chunked')) ? chunked([HELLO]) : HELLO })
  const headers: Readonly<Record<string, readonly string[]>> = {
    'hop-by-hop headers': ['Keep-Alive: timeout=5', 'Proxy-Authorization: Basic x', 'Proxy-Connection: close', 'TE: trailers', 'Trailer: X-A', 'HTTP2-Settings: x', 'Proxy-Authenticate: x'],
    'headers that Connection names': ['Connection: close, X-Foo', 'X-Foo: 1', 'X-Bar: 2'],
    'Connection names our headers': ['Connection: close, x-access-token, x-userinfo, x-forwarded-for, host, cookie'],
    'Connection without a name': ['Connection: , ,close'],
    'forged identity': ['X-Access-Token: forged', 'X_Userinfo: forged', 'X-Forwarded-User: forged'],
    'forged addresses': ['X-Forwarded-For: 6.6.6.6', 'X-Real-IP: 6.6.6.6', 'Forwarded: for=6.6.6.6', 'X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: https', 'X_Forwarded_For: 6.6.6.6'],
    'dangerous headers': ['Proxy: x', 'X-Original-URL: /admin', 'X-Rewrite-URL: /admin'],
    'two of a name': ['X-Many: 1', 'X-Many: 2', 'Accept: a', 'Accept: b'],
    'two cookies': ['Cookie: a=1', 'Cookie: b=2; session=alice'],
    'bytes above ASCII': ['X-Name: caf\u00e9', 'X-Utf: \u00e2\u0082\u00ac'],
    'an empty value': ['X-Empty:'],
    'odd names': ['x_under: 1', 'X.Dot: 2'],
    conditions: ['If-None-Match: "1"', 'If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT', 'Range: bytes=0-4', 'Accept-Encoding: gzip, br'],
    'a set-cookie': ['Set-Cookie: a=1', 'Set-Cookie: b=2'],
    'basic credentials': ['Authorization: Basic dTpw'],
    'names of objects': ['__proto__: 1', 'constructor: 2', 'toString: 3', 'hasOwnProperty: 4'],
    'a preference for upgrades': ['Upgrade-Insecure-Requests: 1', 'Sec-Fetch-Mode: navigate', 'Priority: u=1'],
    'a value of 8,000 bytes': [`X-Long: ${'x'.repeat(8000)}`],
    'Max-Forwards': ['Max-Forwards: 0', 'Via: 1.1 other']
  }
  for (const [name, lines] of Object.entries(headers)) {
    for (const version of ['1.1', '1.0'] as const) yield exchange(`request with ${name}, HTTP/${version}`, ok, { lines, version })
  }
}

/** Every exchange, each name once. */
export const corpus: readonly Exchange[] = [...ofStatuses(), ...ofBodies(), ...ofHeaders(), ...ofHints(), ...ofFaults(), ...ofRequests()]
