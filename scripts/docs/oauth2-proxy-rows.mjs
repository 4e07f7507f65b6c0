// The table of docs/oauth2-proxy.md: what becomes of each option of OAuth2 Proxy.

const cell = text => text.replaceAll('|', '\\|')

function describe ({ kind, says, target }) {
  const verdict = kind === 'varies' ? '' : kind
  return [verdict, says].filter(text => text !== '').join('; ') || (target === null ? '' : 'exact')
}

/** One line for each option, in the order of the importer. */
export function oauth2ProxyMarkdown (rows) {
  const lines = rows.map(row => {
    const target = row.target === null ? '' : row.target.replace('openid-connect: ', '').split(', ').map(name => `\`${name}\``).join(', ')
    return `| \`${row.name}\` | \`--${row.flag}\` | ${target} | ${cell(describe(row))} |`
  })
  return ['| option | flag | here | |', '|---|---|---|---|', ...lines].join('\n')
}
