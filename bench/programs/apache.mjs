// mod_auth_openidc as Debian has it, in front of the upstream: one process, sessions in cookies, everything else as it comes.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findPort, startProgram } from '../processes.mjs'
import { findProgram } from './find.mjs'

const MODULES = '/usr/lib/apache2/modules'
const NEEDED = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'proxy', 'proxy_http', 'auth_openidc']

function configuration ({ folder, port, upstream, options, scope }) {
  return `${NEEDED.map(name => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
ServerRoot ${folder}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/apache.pid
ErrorLog ${folder}/error.log
LogLevel warn
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
MaxKeepAliveRequests 0
KeepAliveTimeout 60
LimitRequestFieldSize 32768
OIDCProviderMetadataURL ${options.discovery}
OIDCClientID ${options.client_id}
OIDCClientSecret ${options.client_secret}
OIDCRedirectURI http://localhost:${port}/callback
OIDCCryptoPassphrase "a passphrase of the bench"
OIDCScope "${scope}"
OIDCSessionType client-cookie
OIDCSessionInactivityTimeout 3600
ProxyPass /callback !
ProxyPass / ${upstream}/
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
`
}

/** Null when there is no apache2 with the module. */
export async function startApache ({ folder: parent, cores, upstream, options, scope }) {
  const program = findProgram('apache2')
  if (program === null || !NEEDED.every(name => existsSync(join(MODULES, `mod_${name}.so`)))) return null
  const [folder, port] = [join(parent, 'apache'), await findPort()]
  mkdirSync(folder)
  const file = join(folder, 'apache.conf')
  writeFileSync(file, configuration({ folder, port, upstream, options, scope }))
  return await startProgram([program, '-D', 'FOREGROUND', '-f', file], { cores, port })
}
