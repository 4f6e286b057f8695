import { parentPort } from 'node:worker_threads'
import { createEstimator } from './estimate-strength.ts'
import type { StrengthJob } from './password-strength.worker.ts'

/** The thread that estimates passwords. */
const port = parentPort
if (!port) throw new Error('password-strength-main.ts runs as a worker thread')

const estimate = createEstimator()
port.on('message', ({ password, context }: StrengthJob) => port.postMessage(estimate(password, context)))
