// The MCP server itself: it knows who asks, and nothing of OAuth.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'

const notes = new Map()

/** Tools that change nothing. */
export const READING = new Set(['count_notes'])

const say = text => ({ content: [{ type: 'text', text }] })

/** A server for one request of one user. */
export function createNotes (user) {
  const count = () => notes.get(user) ?? 0
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  server.registerTool('count_notes', { description: 'Says how many notes you have.' }, async () => say(`${user} has ${count()}`))
  server.registerTool('add_note', { description: 'Adds a note.' }, async () => {
    notes.set(user, count() + 1)
    return say('added')
  })
  return server
}
