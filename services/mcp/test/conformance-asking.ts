import {
  acceptedContent,
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  createRequestStateCodec,
  inputRequired,
  inputResponse,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import { about, type Properties, says, textOf } from './conformance-answers.ts'

const codec = createRequestStateCodec<{ step: number }>({ key: new Uint8Array(32).fill(7) })
export const REQUEST_STATE = { verify: codec.verify }

export const form = (message: string, field: string, type: 'string' | 'boolean' = 'string') =>
  inputRequired.elicit({
    message,
    requestedSchema: { type: 'object', properties: { [field]: { type } } as Properties, required: [field] },
  })
const sample = (text: string, maxTokens: number) =>
  inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text } }], maxTokens })

type Add = (
  name: string,
  run: (ctx: ServerContext) => Promise<CallToolResult | ReturnType<typeof inputRequired>>,
) => void

/** Tools that return what they want to know, and are called again with the answers (SEP-2322). */
export function addAskingTools(mcp: McpServer): void {
  const add: Add = (name, run) => mcp.registerTool(`test_input_required_result_${name}`, about(name), run)

  add('elicitation', async ({ mcpReq }) => {
    const given = acceptedContent(mcpReq.inputResponses, 'user_name', z.object({ name: z.string() }))
    if (!given) return inputRequired({ inputRequests: { user_name: form('What is your name?', 'name') } })
    return says(`Hello, ${given.name}!`)
  })
  add('sampling', async ({ mcpReq }) => {
    const given = inputResponse(mcpReq.inputResponses, 'capital_question')
    if (given.kind === 'sampling') return says(textOf(given.result.content))
    return inputRequired({
      inputRequests: { capital_question: sample('What is the capital of France?', 100) },
    })
  })
  add('list_roots', async ({ mcpReq }) => {
    const given = inputResponse(mcpReq.inputResponses, 'client_roots')
    if (given.kind === 'roots') return says(given.roots.map(({ uri }) => uri).join(' '))
    return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
  })
  const stateful = async ({ mcpReq }: ServerContext) => {
    const given = acceptedContent(mcpReq.inputResponses, 'confirm', z.object({ ok: z.boolean() }))
    const state = mcpReq.requestState<{ step: number }>()
    if (given && state?.step === 1) return says('state-ok')
    const requestState = await codec.mint({ step: 1 })
    return inputRequired({
      inputRequests: { confirm: form('Please confirm', 'ok', 'boolean') },
      requestState,
    })
  }
  add('request_state', stateful)
  add('tampered_state', stateful)
  addRounds(add)
  addToolsThatMayNotAsk(mcp, add)
}

/** Tools that ask several things, at once or one after another. */
function addRounds(add: Add): void {
  add('multiple_inputs', async ({ mcpReq }) => {
    const name = acceptedContent(mcpReq.inputResponses, 'user_name', z.object({ name: z.string() }))
    const greeting = inputResponse(mcpReq.inputResponses, 'greeting')
    const roots = inputResponse(mcpReq.inputResponses, 'client_roots')
    if (name && greeting.kind === 'sampling' && roots.kind === 'roots')
      return says(`${textOf(greeting.result.content)} ${name.name}, with ${roots.roots.length} roots`)
    return inputRequired({
      inputRequests: {
        user_name: form('What is your name?', 'name'),
        greeting: sample('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      },
      requestState: await codec.mint({ step: 1 }),
    })
  })
  add('multi_round', async ({ mcpReq }) => {
    const step = mcpReq.requestState<{ step: number }>()?.step ?? 0
    if (step === 1 && inputResponse(mcpReq.inputResponses, 'step1').kind === 'elicit')
      return inputRequired({
        inputRequests: { step2: form('Step 2: What is your favorite color?', 'color') },
        requestState: await codec.mint({ step: 2 }),
      })
    if (step === 2 && inputResponse(mcpReq.inputResponses, 'step2').kind === 'elicit')
      return says('Thank you.')
    return inputRequired({
      inputRequests: { step1: form('Step 1: What is your name?', 'name') },
      requestState: await codec.mint({ step: 1 }),
    })
  })
}

/** Tools whose questions depend on what the client has said that it can. */
function addToolsThatMayNotAsk(mcp: McpServer, add: Add): void {
  const missing = 'test_missing_capability'
  mcp.registerTool(missing, about(missing), async ({ mcpReq }) => {
    if (mcpReq.inputResponses) return says('Present.')
    // The SDK refuses to ask what the client has not said that it can.
    return inputRequired({ inputRequests: { greeting: sample('Generate a greeting', 50) } })
  })
  const streaming = 'test_streaming_elicitation'
  mcp.registerTool(streaming, about(streaming), async ({ mcpReq }) => {
    if (mcpReq.inputResponses) return says('Thank you.')
    return inputRequired({ inputRequests: { user_name: form('What is your name?', 'name') } })
  })
  add('capabilities', async ({ mcpReq }) => {
    if (mcpReq.inputResponses) return says('Thank you.')
    const can = capabilitiesOf(mcpReq)
    return inputRequired({
      inputRequests: {
        ...(can.elicitation ? { user_name: form('What is your name?', 'name') } : {}),
        ...(can.sampling ? { greeting: sample('Generate a greeting', 50) } : {}),
        ...(can.roots ? { client_roots: inputRequired.listRoots() } : {}),
      },
    })
  })
}

/** Capabilities stand in each request's envelope, under a name that the SDK's types do not list. */
function capabilitiesOf({ envelope }: ServerContext['mcpReq']): ClientCapabilities {
  const fields = envelope as Record<string, unknown> | undefined
  return (fields?.[CLIENT_CAPABILITIES_META_KEY] ?? {}) as ClientCapabilities
}
