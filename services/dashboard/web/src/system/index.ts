export { DeadLetters } from './dead-letters.tsx'
export { System } from './system.tsx'
