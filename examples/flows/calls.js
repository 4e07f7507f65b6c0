// What a client of an API does: ask the provider for a token, and show it to the API.

/** Asks for tokens, as the client whose metadata these are. */
export async function askForTokens (provider, { client_id: id, client_secret: secret }, parameters) {
  const response = await fetch(`${provider.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)}` },
    body: new URLSearchParams(parameters)
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(`the provider answered ${response.status} ${answer.error}: ${answer.error_description}`)
  return answer
}

/** Calls the API, and prints what was called and what came back. */
export async function call (title, url, token) {
  await callAs(title, url, token === undefined ? {} : { authorization: `Bearer ${token}` })
}

/** The same with a name and a password, which the API has to exchange itself. */
export async function callByPassword (title, url, name, password) {
  await callAs(title, url, { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` })
}

async function callAs (title, url, headers) {
  const response = await fetch(url, { headers })
  const challenge = response.headers.get('www-authenticate')
  console.log(`${title}: ${response.status} ${challenge ?? await response.text()}`)
}
