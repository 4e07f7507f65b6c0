import { readFileSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import { createPostgresStore } from './postgres-store.js'

const app = Fastify({ logger: true })

const db = await PGlite.create(process.env.DATABASE_FOLDER ?? './database')
await db.exec(readFileSync(new URL('schema.sql', import.meta.url), 'utf8'))
app.decorate('oidcSessionStore', createPostgresStore({ db, secret: process.env.SESSION_SECRET }))
app.addHook('onClose', () => db.close())

await app.register(oidc, {
  discovery: '$ENV://OIDC_DISCOVERY',
  client_id: '$ENV://OIDC_CLIENT_ID',
  client_secret: '$ENV://OIDC_CLIENT_SECRET',
  session: { secret: '$ENV://SESSION_SECRET' },
  redirect_uri: '/callback',
  post_logout_redirect_uri: '/',
  security_profile: 'oauth2.1'
})

app.get('/', async request => `Hello ${request.oidc.claims.sub}\n`)
app.post('/sign-out-everywhere', async request => ({ ended: await app.oidc.revoke({ sub: request.oidc.claims.sub }) }))

process.once('SIGTERM', () => app.close())
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
