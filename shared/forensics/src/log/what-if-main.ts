import { parentPort, workerData } from 'node:worker_threads'
import { parseBatch, parseEvent } from '@fluxgate/contracts'
import { wholePolicy } from '@fluxgate/guard-core'
import { WhatIf } from '../core/what-if.ts'
import { unpack } from './packed-messages.ts'
import type { WhatIfInput, WhatIfOutput, WhatIfTask } from './what-if-thread.ts'

/** The thread of `WhatIfThread`: decodes and folds what it is given, in order. */
const { policy, fromMs, toMs, streams } = workerData as WhatIfTask
const fold = new WhatIf(wholePolicy(policy), { fromMs, toMs })
const port = parentPort!
const answer = (output: WhatIfOutput) => port.postMessage(output)

port.on('message', (packed: WhatIfInput) => {
  if (packed === undefined) {
    answer(fold.finish())
    port.close()
    return
  }
  for (const { stream, sequence, storedAtMs, data, head } of unpack(packed, streams)) {
    if (head === undefined) {
      const parsed = parseEvent(data)
      if (parsed.ok) fold.add({ stream, sequence, storedAtMs, event: parsed.value })
      continue
    }
    for (const [index, parsed] of parseBatch(data, head).entries()) {
      if (parsed.ok) fold.add({ stream, sequence, index, storedAtMs, event: parsed.value })
    }
  }
  answer('folded')
})
