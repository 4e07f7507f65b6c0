import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { renderPage } from './page.ts'
import { describeRequest } from './shown-request.ts'

export interface Upstream {
  readonly origin: string
  close (): Promise<void>
}

const MAX_HEADER_BYTES = 65_536

/** A server that shows what it received, as a page. */
export async function startUpstream (): Promise<Upstream> {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    request.resume()
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    })
    response.end(renderPage(describeRequest(request.method ?? '', request.url ?? '/', request.headers, Date.now())))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = new Promise<void>(resolve => { server.close(() => { resolve() }) })
      server.closeAllConnections()
      await closed
    }
  }
}
