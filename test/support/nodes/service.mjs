// A Fastify service, not a gateway, that serves the same sessions: it can end them from its own code.
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import oidc from 'fastify-oidc'

const { port, cores } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const app = Fastify({ logger: { level: 'warn' } })

for (const [name, options] of Object.entries(cores)) {
  await app.register(async scope => {
    await scope.register(oidc, options)
    scope.post('/revoke/:sid', { config: { oidc: false } }, async request => ({ ended: await scope.oidc.revoke({ sid: request.params.sid }) }))
    scope.get('/', async request => ({ subject: request.oidc.claims?.sub ?? null, sid: request.oidc.claims?.sid ?? null }))
  }, { prefix: `/${name}` })
}
app.get('/ready', async () => ({ status: 'ready' }))
await app.listen({ host: '127.0.0.1', port })
