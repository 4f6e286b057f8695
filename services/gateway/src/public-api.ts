import { SESSION_COOKIE } from '@fluxgate/session'
import { type ApiDescription, ApiErrorBody } from './http/index.ts'
import { API_CALLS, ERRORS, V1_CALLS, Whole } from './proxy/index.ts'

export const PUBLIC_API: ApiDescription = {
  title: 'Fluxgate: the public API',
  description:
    'Model calls in the APIs of OpenAI, Anthropic and Ollama, DNS-over-HTTPS (RFC 8484), the portal of developers, and ' +
    'the state of the node. Of the bodies of model calls only those fields are named that the gateway reads itself; all ' +
    'of it goes to the model server, and the answer comes back, byte for byte. Other paths below /v1/ and /api/ are 404 here.',
  server: { url: 'https://localhost:8443', description: 'as `npm start` has it' },
  schemes: {
    key: {
      type: 'http',
      scheme: 'bearer',
      description: 'An API key (`sk_live_…`), a session token of the portal, or a token of the OIDC issuer.',
    },
    keyHeader: {
      type: 'apiKey',
      in: 'header',
      name: 'x-api-key',
      description: 'The same, as Anthropic has it.',
    },
    session: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE, description: 'Set by a login.' },
  },
  needs: { portal: ['session'], '*': ['key', 'keyHeader'] },
  faults: [],
  named: {
    ApiError: ApiErrorBody,
    Answer: Whole,
    OpenAIError: ERRORS.openai,
    AnthropicError: ERRORS.anthropic,
    OllamaError: ERRORS.ollama,
  },
  calls: { ...V1_CALLS, ...API_CALLS },
}
