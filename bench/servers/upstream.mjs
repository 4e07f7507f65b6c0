// Answers 200 bytes, and counts; under /request, the headers that it got and how many bytes the request had.
import { createServer } from 'node:http'
import { announce, tellAlso } from '../announce.mjs'

const body = Buffer.alloc(200, 'x')
const headers = { 'content-type': 'text/plain', 'content-length': body.length }
let served = 0

function describe ({ method, url, headers, rawHeaders }) {
  const bytes = `${method} ${url} HTTP/1.1\r\n\r\n`.length + rawHeaders.join('').length + rawHeaders.length / 2 * ': \r\n'.length
  return JSON.stringify({ headers, bytes })
}

const server = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
  served++
  if (request.url === '/request') response.end(describe(request))
  else response.writeHead(200, headers).end(body)
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => announce(`http://127.0.0.1:${server.address().port}`))
tellAlso(() => ({ served }))
