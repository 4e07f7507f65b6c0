// What a program and its children use, as Linux tells it.
import { readFileSync, readdirSync } from 'node:fs'

const TICK_US = 10_000

function readStat (pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { pid, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return null // ended since it was listed
  }
}

function readMemory (pid) {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    const sum = pattern => [...text.matchAll(pattern)].reduce((kilobytes, [, value]) => kilobytes + Number(value), 0) * 1024
    return { own: sum(/^Private_(?:Clean|Dirty):\s+(\d+) kB/gm), shared: sum(/^Shared_(?:Clean|Dirty):\s+(\d+) kB/gm) }
  } catch {
    return { own: 0, shared: 0 }
  }
}

// What processes of one program share is mostly the program itself, and is there once.
function sumMemory (pids) {
  const all = pids.map(readMemory)
  return all.reduce((sum, { own }) => sum + own, 0) + Math.max(...all.map(({ shared }) => shared))
}

function listProcesses () {
  try {
    return readdirSync('/proc').filter(name => /^\d+$/.test(name)).map(name => readStat(Number(name))).filter(stat => stat !== null)
  } catch {
    return []
  }
}

function descend (all, pid) {
  return [...all.filter(stat => stat.pid === pid), ...all.filter(stat => stat.parent === pid).flatMap(stat => descend(all, stat.pid))]
}

/** Processor time so far and memory now of a process and all below it; nulls where nothing tells. */
export function readTreeUsage (pid) {
  const tree = descend(listProcesses(), pid)
  if (tree.length === 0) return { cpuUs: null, rssBytes: null }
  return {
    cpuUs: tree.reduce((sum, { ticks }) => sum + ticks, 0) * TICK_US,
    rssBytes: sumMemory(tree.map(stat => stat.pid))
  }
}
