import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Environment, readConfig } from '@fluxgate/runtime'
import { freePort } from '@fluxgate/testing'
import { readLocalConfig } from './config.ts'
import { chooseModels } from './models.ts'
import { startSimulator } from './simulator/simulator.ts'

const configOf = (env: Environment) => readConfig(env, readLocalConfig)

test('upstreams that are set are used, and nothing is looked for', async () => {
  const models = await chooseModels(configOf({ DOWNSTREAM_AI_URLS: 'http://a.example:1,http://b.example' }))
  assert.deepEqual(models.upstreamUrls, ['http://a.example:1', 'http://b.example'])
  assert.equal(models.words, 'a.example:1, b.example')
  assert.equal(models.simulator, undefined)
  const routed = await chooseModels(configOf({ UPSTREAMS_FILE: '/etc/upstreams.json' }))
  assert.deepEqual(routed.upstreamUrls, [])
  assert.equal(routed.simulator, undefined)
})

test('an Ollama that answers is the upstream, and a model that it lacks is named', async () => {
  await using ollama = await startSimulator({ models: ['llama3.2'] })
  const without = await chooseModels(configOf({ OLLAMA_URL: ollama.url }))
  assert.deepEqual(without.upstreamUrls, [ollama.url])
  assert.equal(without.model, 'llama3.2:latest')
  assert.match(without.words, /ollama pull phi4-mini/)
  const withIt = await chooseModels(configOf({ OLLAMA_URL: ollama.url, LLM_MODEL: 'llama3.2' }))
  assert.equal(withIt.words, `Ollama at ${ollama.url}`)
})

test('where none answers a simulator takes its place, for the reports too', async () => {
  const unknown = `http://127.0.0.1:${await freePort()}`
  const models = await chooseModels(configOf({ OLLAMA_URL: unknown, LLM_MODEL: 'my-model' }))
  assert.deepEqual(models.upstreamUrls, [models.ollamaUrl])
  assert.equal(models.ollamaUrl, `http://127.0.0.1:${models.simulator?.port}`)
  assert.ok(models.simulator?.models.includes('my-model'))
})
