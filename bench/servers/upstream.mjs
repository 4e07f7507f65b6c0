// Answers 200 bytes; under /headers, the headers that it got.
import { createServer } from 'node:http'
import { announce } from '../announce.mjs'

const body = Buffer.alloc(200, 'x')
const server = createServer((request, response) => {
  const answer = request.url === '/headers' ? JSON.stringify(request.headers) : body
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(answer) })
  response.end(answer)
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => announce(`http://127.0.0.1:${server.address().port}`))
