import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A question as Ollama's `/api/chat` gets it. */
export interface Question {
  readonly model: string
  readonly stream: boolean
  readonly format: unknown
  readonly messages: ReadonlyArray<{ role: string; content: string }>
}

export type Reply = (question: Question, response: ServerResponse, count: number) => void

/** A server that speaks Ollama's chat API; what it answers is the test's. */
export interface TestModel extends AsyncDisposable {
  readonly url: string
  readonly questions: Question[]
  reply: Reply
}

export async function startTestModel(reply: Reply): Promise<TestModel> {
  const questions: Question[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const question = JSON.parse(body) as Question
    questions.push(question)
    model.reply(question, response, questions.length)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const model: TestModel = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    questions,
    reply,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
  return model
}

/** An answer in Ollama's shape, not streamed. */
export function say(response: ServerResponse, model: string, content: string): void {
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.end(
    JSON.stringify({
      model,
      created_at: '2026-01-01T00:00:00Z',
      message: { role: 'assistant', content },
      done: true,
      done_reason: 'stop',
      total_duration: 1,
      prompt_eval_count: 1,
      eval_count: 1,
    }),
  )
}
