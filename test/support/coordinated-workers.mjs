// A primary and its workers, told what to do by the test that forked it.
import cluster from 'node:cluster'
import { coordinateWorkers, sharedWorkerCoordinator } from 'fastify-oidc-session-store'

async function run (call, args) {
  const coordinator = await sharedWorkerCoordinator()
  const method = coordinator[call]
  const value = await method(...args)
  return call === 'lock' ? value && 'held' : value
}

function work () {
  process.on('message', order => {
    if (typeof order.call !== 'string') return
    if (order.call === 'die') process.kill(process.pid, 'SIGKILL')
    run(order.call, order.args)
      .catch(error => error.code)
      .then(value => { process.send({ id: order.id, value }) })
  })
  process.send('listening')
}

function lead () {
  coordinateWorkers()
  const workers = []
  const forkOne = () => {
    const worker = cluster.fork()
    // What is sent before a worker listens is lost.
    const listening = new Promise(resolve => { worker.once('online', () => { worker.on('message', message => { if (message === 'listening') resolve() }) }) })
    worker.on('message', message => { if (typeof message.id === 'number') process.send(message) })
    const member = { worker, listening }
    workers.push(member)
    return member
  }
  forkOne()
  forkOne()
  process.on('message', async order => {
    const { worker, listening } = workers[order.worker] ?? forkOne()
    await listening
    if (order.call === 'die') worker.once('exit', () => process.send({ id: order.id, value: 'dead' }))
    worker.send(order)
  })
  process.on('disconnect', () => { process.exit(0) })
  process.send({ id: -1, value: 'ready' })
}

if (cluster.isPrimary) lead()
else work()
