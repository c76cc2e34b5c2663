// The store's worker thread: a thin shell around core.ts, because a commit on an SD card can stall for seconds.
import { parentPort, workerData } from 'node:worker_threads'
import { invariant } from '../../../shared/invariant.ts'
import type { Answer, Question } from './client.ts'
import { openStore, type StoreOptions } from './core.ts'

invariant(parentPort, 'worker.ts runs in a worker thread')
const port = parentPort
// Handed over by `startStore` of client.ts.
const core = openStore(workerData as StoreOptions)
const { remembered, ...methods } = core

port.on('message', (question: Question) => {
  // The client's types hold method and arguments together.
  const method = methods[question.method] as (...values: readonly unknown[]) => unknown
  const value = method(...question.values)
  port.postMessage({ id: question.id, value } satisfies Answer)
  if (question.method === 'close') port.close()
})
port.postMessage({ id: 0, value: remembered } satisfies Answer)
