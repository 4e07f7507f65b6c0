// The table of docs/kong.md: what becomes of each option of Kong's openid-connect.

const cell = text => text.replaceAll('|', '\\|')

function describe ({ kind, says }) {
  return [kind === 'varies' ? '' : kind, says].filter(text => text !== '').join('; ')
}

/** One line for each option, in the order of the importer. */
export function kongMarkdown (rows) {
  const lines = rows.map(row => `| \`${row.name}\` | ${row.target === null ? '' : row.target.includes(' ') ? row.target : `\`${row.target}\``} | ${cell(describe(row))} |`)
  return ['| `config.…` | here | |', '|---|---|---|', ...lines].join('\n')
}
