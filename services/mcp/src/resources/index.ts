export { watchIncidents } from './incident-watch.timer.ts'
export { addPrompts } from './prompts.ts'
export { resourceReader } from './read-resource.ts'
export { addResources, type ReadResource } from './resources.ts'
