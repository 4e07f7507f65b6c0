import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import type { ForwardAuthOptions } from 'fastify-oidc-forward-auth'
import { gate } from './parts.ts'

function folderWith (t: Test, files: Readonly<Record<string, string>>): string {
  const folder = t.testdir()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** What the page is at an address. */
async function pageOf (t: Test, template: string, url = '/oauth2/sign_in', options: ForwardAuthOptions = {}): Promise<string> {
  const { app } = await gate(t, { endpoints: { ...options, custom_templates_dir: folderWith(t, { 'sign_in.html': template }) } })
  return (await app.inject(url)).body
}

/** What is said of a template that is none. */
async function complaintOf (t: Test, template: string): Promise<string> {
  const folder = folderWith(t, { 'sign_in.html': template })
  const error = await gate(t, { endpoints: { custom_templates_dir: folder } }).then(() => null, (error: Error) => error)
  return error?.message.split('sign_in.html:').slice(1).join('').trim() ?? 'nothing'
}

/** As people have it who copied the page of OAuth2 Proxy and changed it. */
const SIGN_IN = `{{define "sign_in.html"}}
<!DOCTYPE html>
<html lang="en" charset="utf-8">
<head>
  <meta charset="utf-8">
  <title>Sign In</title>
  <style>body { color: {red} }</style>
</head>
<body class="{{ if .CustomLogin }}wide{{ else }}narrow{{ end }}">
  {{/* a note
  of two lines */}}
  {{ if .LogoData }}<div class="logo">{{.LogoData}}</div>{{ end }}
  <form method="GET" action="{{.ProxyPrefix}}/start">
    <input type="hidden" name="rd" value="{{.Redirect}}">
    {{ if .SignInMessage }}<p>{{.SignInMessage}}</p>{{ end }}
    <button type="submit">Sign in with {{.ProviderName}}</button><br/>
  </form>
  {{ if eq .StatusCode 400 401 }}<div class="alert">{{.StatusCode}}</div>{{ end }}
  <script>
    if (location.hash) { document.getElementsByName('rd')[0].value += location.hash }
  </script>
  <footer>{{ if eq .Footer "-" }}{{ else if eq .Footer "" }}version {{ .Version }}{{ else }}{{.Footer}}{{ end }}</footer>
</body>
</html>
{{end}}
`

t.test('O116 sign_in.html is filled in as OAuth2 Proxy does', async t => {
  const options = { provider_name: 'Example & "Co"', banner: '<b>Staff</b> alone', footer: '<i>Help</i>' }
  const page = await pageOf(t, SIGN_IN, '/oauth2/sign_in?rd=/deep%3Fa=1%26b=%22%3Cscript%3E', options)
  t.match(page, /^\s*<!DOCTYPE html>/)
  t.match(page, '<body class="narrow">')
  t.match(page, '<form method="GET" action="/oauth2/start">')
  t.match(page, '<input type="hidden" name="rd" value="/deep?a=1&amp;b=%22%3Cscript%3E">', 'O115')
  t.match(page, 'Sign in with Example &amp; &quot;Co&quot;</button>')
  t.match(page, '<p><b>Staff</b> alone</p>')
  t.match(page, '<footer><i>Help</i></footer>')
  t.match(page, '<svg class="mark"', 'the logo is HTML')
  t.notMatch(page, /\{\{|class="alert"|a note/)
})

t.test('O116 the footer is ours to leave out, the version is there to name, and - is none', async t => {
  t.match(await pageOf(t, SIGN_IN), /<footer>version \d+\.\d+\.\d+<\/footer>/)
  const bare = await pageOf(t, SIGN_IN, '/oauth2/sign_in', { footer: '-', banner: '-', custom_sign_in_logo: '-' })
  t.match(bare, '<footer></footer>')
  t.notMatch(bare, /<p>|<svg|class="logo"/)
})

t.test('O116 error.html is filled in, with the id of the log', async t => {
  const template = '<h1>{{.StatusCode}} {{.Title}}</h1><p>{{.Message}}</p><code>{{.RequestID}}</code><a href="{{.ProxyPrefix}}/sign_in?rd={{.Redirect}}">in</a>'
  const { app, log } = await gate(t, { endpoints: { custom_templates_dir: folderWith(t, { 'error.html': template }) } })
  const { statusCode, headers, body } = await app.inject({ url: '/deep/link?x=1&y=2', headers: { accept: 'text/html' } })
  t.equal(statusCode, 503, 'the status is the error\'s')
  const { reqId } = log.find(line => line.code === 'FST_OIDC_PROVIDER_UNAVAILABLE') ?? {}
  t.ok(reqId)
  t.equal(body, `<h1>503 Service Unavailable</h1><p>The sign-in service cannot be reached at the moment.</p><code>${String(reqId)}</code><a href="/oauth2/sign_in?rd=%2Fdeep%2Flink%3Fx%3D1%26y%3D2">in</a>`)
  t.equal(headers['cache-control'], 'no-store')
  t.match((await app.inject('/oauth2/sign_in')).body, 'Sign in with', 'the other page is ours')
})

t.test('a page of the operator keeps a strict policy: styles, its own scripts by hash, nothing else', async t => {
  const { app } = await gate(t, { endpoints: { custom_templates_dir: folderWith(t, { 'sign_in.html': SIGN_IN.replaceAll('\n', '\r\n') }) } })
  const { headers, body } = await app.inject('/oauth2/sign_in')
  const script = /<script>(.*?)<\/script>/s.exec(body)?.[1] ?? ''
  const hash = createHash('sha256').update(script).digest('base64')
  t.equal(headers['content-security-policy'], `default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; script-src 'sha256-${hash}'; frame-ancestors 'none'; base-uri 'none'`)
  t.equal(headers['x-frame-options'], 'DENY')
  t.equal(headers['referrer-policy'], 'no-referrer')
  const { app: posting } = await gate(t, { endpoints: { custom_templates_dir: folderWith(t, { 'sign_in.html': '<form method="POST" action="/x"></form>' }) } })
  t.match((await posting.inject('/oauth2/sign_in')).headers, { 'referrer-policy': 'strict-origin', 'content-security-policy': /^(?!.*script-src)/ }, 'a form is not sent with Origin: null')
})

t.test('a value is escaped by where it stands', async t => {
  const evil = '\'"><script>alert(1)</script>&\u0000\ud800'
  const places: Array<readonly [template: string, page: string]> = [
    ['<p>{{.ProviderName}}</p>', '<p>&#39;&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;\u0000\ufffd</p>'],
    ['<title>{{.ProviderName}}</title>', '<title>&#39;&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;\u0000\ufffd</title>'],
    ["<p title='{{.ProviderName}}'>", "<p title='&#39;&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;\u0000\ufffd'>"],
    ['<a href="/x?a={{.ProviderName}}">', '<a href="/x?a=&#39;%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%26%00%EF%BF%BD">'],
    ['<a href="/x/{{.ProviderName}}">', '<a href="/x/&#39;%22%3E%3Cscript%3Ealert(1)%3C/script%3E&amp;%00%EF%BF%BD">']
  ]
  for (const [template, page] of places) t.equal(await pageOf(t, template, '/oauth2/sign_in', { provider_name: evil }), page, template)
  t.equal(await pageOf(t, '<a href="{{.ProviderName}}">', '/oauth2/sign_in', { provider_name: 'javascript:alert(1)' }), '<a href="#">', 'no scheme that runs')
  for (const start of ['java', '{{.Alert}}']) t.equal(await pageOf(t, `<a href="${start}{{.ProviderName}}">`, '/oauth2/sign_in', { provider_name: 'script:alert(1)' }), `<a href="${start === 'java' ? start : ''}script%3Aalert(1)">`, 'nor in two parts')
  t.equal(await pageOf(t, '<a href="mailto:{{.ProviderName}}">', '/oauth2/sign_in', { provider_name: 'help@example.com' }), '<a href="mailto:help@example.com">')
  t.equal(await pageOf(t, '<a href="{{ if .CustomLogin }}/x{{ else }}{{.ProxyPrefix}}{{ end }}/start">', '/oauth2/sign_in'), '<a href="/oauth2/start">')
  t.equal(await pageOf(t, '<a href="{{.ProviderName}}">', '/oauth2/sign_in', { provider_name: 'https://id.example/?a=1&b' }), '<a href="https://id.example/?a=1&amp;b">')
})

t.test('conditions and functions mean what they mean in Go', async t => {
  const cases: Array<readonly [template: string, page: string]> = [
    ['a {{- " b " -}} c', 'a b c'],
    ['{{ .ProviderName | ToUpper }}{{ToLower "ÄB"}}', 'NAMEäb'],
    ['{{ if and .CustomLogin (eq .StatusCode 200) }}x{{ else if or .CustomLogin (ne .ProviderName `other`) }}y{{ else }}z{{ end }}', 'y'],
    ['{{ if not .CustomLogin }}x{{ end }}{{ if eq .StatusCode 400 200 }}y{{ end }}', 'xy'],
    ['{{ or .Alert "none" }}{{ 200 | eq .StatusCode }}{{ (not false) }}', 'nonetruetrue'],
    ['{{ "}}" }}{{ $.ProviderName }}', '}}name'],
    ['<input {{ if .CustomLogin }}disabled{{ else }}required{{ end }}>', '<input required>'],
    ['<a href="{{ if .CustomLogin }}/x{{ else }}/y{{ end }}?rd={{.Redirect}}">', '<a href="/y?rd=%2F">']
  ]
  for (const [template, page] of cases) t.equal(await pageOf(t, template, '/oauth2/sign_in', { provider_name: 'name' }), page, template)
})

t.test('what is not understood stops the boot, with its line', async t => {
  const cases: Array<readonly [template: string, line: number, complaint: RegExp]> = [
    ['\n{{ .Nope }}', 2, /\.Nope is not one of \.ProviderName/],
    ['{{ range .Redirect }}{{ end }}', 1, /range is not available/],
    ['{{ $x := .Redirect }}', 1, /variables/],
    ['{{ printf "%s" .Redirect }}', 1, /printf is not one of the functions/],
    ['{{ .constructor }}', 1, /\.constructor is not one of/],
    ['a\n{{ if .CustomLogin }}b', 2, /if has no end/],
    ['{{ end }}', 1, /belongs to no if/],
    ['{{ if .CustomLogin }}{{ else }}{{ else }}{{ end }}', 1, /more than one else/],
    ['{{ .Redirect', 1, /not closed/],
    ['{{ "a }}', 1, /not closed/],
    ['{{ .Redirect ! }}', 1, /not understood/],
    ['{{ .Redirect .Footer }}', 1, /not understood/],
    ['{{ }}', 1, /a value is missing/],
    ['{{ eq .StatusCode "200" }}', 1, /several kinds/],
    ['{{ ToUpper .StatusCode }}', 1, /takes one text/],
    ['{{define "other.html"}}x{{end}}', 1, /not "sign_in.html"/],
    ['{{define "sign_in.html"}}x{{end}} y', 1, /define has no end, or something stands behind it/],
    ['<p>\n<script>let a = "{{.Redirect}}"</script>', 2, /script has no end, or something is filled into it/],
    ['<style>a{color:{{.Redirect}}}</style>', 1, /nothing can be filled in here/],
    ['<!-- {{.Redirect}} -->', 1, /nothing can be filled in here/],
    ['<a href={{.Redirect}}>', 1, /nothing can be filled in here/],
    ...['javascript:go(&quot;{{.Redirect}}&quot;)', ' \njava\tscript:{{.Redirect}}', 'JavaScript:{{.Redirect}}', 'javascript&colon;{{.Redirect}}', 'javascript&#58;{{.Redirect}}', '&#106;avascript:{{.Redirect}}', 'data:text/html,{{.Redirect}}', 'vbscript:/{{.Redirect}}']
      .map(address => [`<a href="${address}">`, address.includes('\n') ? 2 : 1, /nothing can be filled into an address of another scheme/] as [string, number, RegExp]),
    ['<a href="{{.ProviderName}}script:alert(1)">', 1, /could become the scheme/],
    ['<a href="java{{.ProviderName}}&#x3a;alert(1)">', 1, /could become the scheme/],
    ['<a {{.Redirect}}="x">', 1, /nothing can be filled in here/],
    ['<{{.Redirect}}>', 1, /nothing can be filled in here/],
    ['<a onclick="x({{.Redirect}})">', 1, /nothing can be filled into onclick/],
    ['<a style="color:{{.Redirect}}">', 1, /nothing can be filled into style/],
    ['<meta http-equiv="refresh" content="0;url={{.Redirect}}">', 1, /nothing can be filled into content/],
    ['<p title="{{.Footer}}">', 1, /HTML cannot be filled into title/],
    ['{{ if .CustomLogin }}<a href="{{ else }}x{{ end }}">', 1, /branches end in different places/],
    ['<style>{{ if .CustomLogin }}a{}{{ end }}</style>', 1, /no choice can stand here/],
    ['<p title="x', 1, /ends inside a tag/],
    ['<script src="/x.js"></script>', 1, /comes from a file/],
    ['\n\n<link rel="stylesheet" href="https://cdn.example/a.css">', 3, /loads https:\/\/cdn\.example\/a\.css from elsewhere/],
    ['<img src="//cdn.example/a.png">', 1, /from elsewhere/],
    ['<style>@import "x.css"</style>', 1, /loads something from elsewhere/]
  ]
  for (const [template, line, complaint] of cases) {
    const said = await complaintOf(t, template)
    t.match(said, complaint, JSON.stringify(template))
    t.match(said, new RegExp(`^${line}: `), `line ${line}: ${said}`)
  }
})

t.test('what will not run or is not there is said in the log', async t => {
  const { log } = await gate(t, { endpoints: { custom_templates_dir: folderWith(t, { 'sign_in.html': '<link rel="stylesheet" href="{{.ProxyPrefix}}/static/css/bulma.min.css">\n<span onclick="close()"></span>\n<a href="javascript:close()">x</a>' }) } })
  const said = log.filter(({ oidc }) => oidc === 'page.template').map(({ msg }) => String(msg))
  t.match(said[0], /sign_in\.html:1: \/static\/css\/bulma\.min\.css is not there/)
  t.match(said[1], /sign_in\.html:2: onclick does not run/)
  t.match(said[2], /sign_in\.html:3: href does not run/)
  t.equal(said.length, 3)
})

t.test('a folder without templates, one that is not there, and a file without end are refused', async t => {
  await t.rejects(async () => await gate(t, { endpoints: { custom_templates_dir: t.testdir() } }), { code: 'FST_OIDC_OPTIONS_INVALID', message: /custom_templates_dir does not hold: .* has neither sign_in\.html nor error\.html/ })
  await t.rejects(async () => await gate(t, { endpoints: { custom_templates_dir: '/nowhere/at/all' } }), /neither/)
  const folder = folderWith(t, { 'sign_in.html': 'x'.repeat(256 * 1024 + 1) })
  await t.rejects(async () => await gate(t, { endpoints: { custom_templates_dir: folder } }), /is longer than 256 KB/)
})
