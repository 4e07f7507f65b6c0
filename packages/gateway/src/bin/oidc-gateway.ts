#!/usr/bin/env node
import { main } from '../cli/main.ts'
import { createTerminal } from '../cli/terminal.ts'

// Whoever reads a listing may have seen enough of it.
process.stdout.on('error', error => {
  if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  process.exit(0)
})
process.exitCode = await main(process.argv.slice(2), createTerminal(process, process.env))
